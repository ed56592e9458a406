(** Vandermonde matrices at c a^i by a Hankel matrix (Bluestein, with binomials), and Cauchy matrices by two Vandermonde
    matrices and a Hankel matrix: entry by entry and as matrices, over any field. *)
From mathcomp Require Import all_ssreflect ssralg poly matrix.
From MonarchProofs Require Import foundations.identities.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Lemma binomial_of_sum i k : ('C(i + k, 2) = 'C(i, 2) + 'C(k, 2) + i * k)%N.
Proof.
elim: k => [|k IH]; first by rewrite addn0 muln0 !addn0.
rewrite addnS !binS !bin1 IH mulnS -!addnA; congr addn; congr addn; by rewrite [LHS]addnC (addnC i k) -addnA.
Qed.

Section Identities.

Variable F : fieldType.
Add Field F_field : (field_laws F).

Lemma one_degree (s z c x y t o : F) : s + z * (c + y * t) - o + (x - y) * (z * t) = s + c * z + z * x * t - o.
Proof. by by_ring F. Qed.

End Identities.

Section Matrices.

Variables (F : fieldType) (m n : nat).

Definition vandermonde (x : 'I_m -> F) : 'M[F]_(m, n) := \matrix_(i, k) x i ^+ k.
Definition hankel (h : nat -> F) : 'M[F]_(m, n) := \matrix_(i, k) h (i + k)%N.

(** Nodes in geometric progression: diagonal, Hankel, diagonal. *)
Theorem geometric_nodes (c a : F) : a != 0 ->
  vandermonde (fun i => c * a ^+ i)
  = diag_mx (\row_i (a ^+ 'C(i, 2))^-1) *m hankel (fun l => a ^+ 'C(l, 2))
    *m diag_mx (\row_k ((a ^+ 'C(k, 2))^-1 * c ^+ k)).
Proof.
move=> a_0; apply/matrixP => i k; rewrite mul_mx_diag mul_diag_mx !mxE binomial_of_sum !exprD exprMn -exprM.
rewrite !mulrA mulVf ?expf_neq0 // mul1r -[_ / _]mulrA [a ^+ (i * k) / _]mulrC mulrA mulfV ?expf_neq0 // mul1r.
by rewrite mulrC.
Qed.

End Matrices.

Section Cauchy.

Variables (F : fieldType) (N : nat) (p : {poly F}).
Hypothesis size_p : (size p <= N.+1)%N.

(** What is left of Horner's rule for p(y) from degree a on. *)
Definition tail (y : F) (a : nat) : F := \sum_(b < N.+1) p`_(a + b) * y ^+ b.

Lemma tail_step y a : tail y a = p`_a + y * \sum_(b < N) p`_(a.+1 + b) * y ^+ b.
Proof.
rewrite /tail big_ord_recl addn0 expr0 mulr1 mulr_sumr; congr (_ + _); apply: eq_bigr => b _.
by rewrite lift0 addnS addSn exprS mulrCA.
Qed.

Lemma tail_shorter y a : tail y a.+1 = \sum_(b < N) p`_(a.+1 + b) * y ^+ b.
Proof.
rewrite /tail big_ord_recr /= [p`_(a.+1 + N)]nth_default ?mul0r ?addr0 //.
by apply: leq_trans size_p _; rewrite addSn ltnS leq_addl.
Qed.

Lemma tail_end y : tail y N.+1 = 0.
Proof.
apply: big1 => b _; rewrite nth_default ?mul0r //; apply: leq_trans size_p _; exact: leq_addr.
Qed.

Lemma divided (x y : F) : (x - y) * (\sum_(a < N) x ^+ a * tail y a.+1) = p.[x] - p.[y].
Proof.
have step a : tail y a = p`_a + y * tail y a.+1 by rewrite tail_step tail_shorter.
have whole z : p.[z] = tail z 0.
  rewrite (horner_coef_wide z size_p); apply: eq_bigr => b _; by rewrite add0n.
have partial k : (x - y) * (\sum_(a < k) x ^+ a * tail y a.+1) = \sum_(a < k) p`_a * x ^+ a + x ^+ k * tail y k - tail y 0.
  elim: k => [|k IH]; first by rewrite !big_ord0 mulr0 expr0 mul1r add0r subrr.
  by rewrite !big_ord_recr /= mulrDr IH (step k) exprSr one_degree.
rewrite partial !whole; congr (_ - _).
rewrite -!whole (horner_coef_wide x size_p) big_ord_recr /=; congr (_ + _).
by rewrite step tail_end mulr0 addr0 mulrC.
Qed.

(** 1/(x - y) where y is a root of p and x is not. *)
Theorem cauchy_entry (x y : F) : root p y -> ~~ root p x ->
  (x - y)^-1 = p.[x]^-1 * \sum_(a < N) \sum_(b < N) x ^+ a * p`_(a + b).+1 * y ^+ b.
Proof.
move=> /rootP at_y at_x; have px_0 : p.[x] != 0 by rewrite -rootE.
have differ : x - y != 0 by rewrite subr_eq0; apply: contraNneq at_x => ->; apply/rootP.
have -> : \sum_(a < N) \sum_(b < N) x ^+ a * p`_(a + b).+1 * y ^+ b = \sum_(a < N) x ^+ a * tail y a.+1.
  by apply: eq_bigr => a _; rewrite tail_shorter mulr_sumr; apply: eq_bigr => b _; rewrite addSn mulrA.
apply: (mulfI differ); rewrite mulfV // mulrCA divided at_y subr0 mulVf //.
Qed.

(** A Cauchy matrix: diagonal, Vandermonde, Hankel, Vandermonde. *)
Theorem cauchy_factors (m k : nat) (x : 'I_m -> F) (y : 'I_k -> F) :
  (forall j, root p (y j)) -> (forall i, ~~ root p (x i)) ->
  \matrix_(i, j) (x i - y j)^-1
  = diag_mx (\row_i p.[x i]^-1) *m vandermonde N x *m hankel N N (fun l => p`_l.+1) *m (vandermonde N y)^T.
Proof.
move=> at_y at_x; apply/matrixP => i j; rewrite !mxE (cauchy_entry (at_y j) (at_x i)) exchange_big mulr_sumr.
apply: eq_bigr => b _; rewrite mulr_sumr !mxE mulr_suml; apply: eq_bigr => a _.
by rewrite mul_diag_mx !mxE !mulrA.
Qed.

End Cauchy.

Print Assumptions geometric_nodes.
Print Assumptions cauchy_entry.
Print Assumptions cauchy_factors.
