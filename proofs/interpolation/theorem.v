(** Inverse = interpolation: M^-1 v are the coordinates of the one combination of the q_j with values v; and the inverse
    of a Monarch matrix is Monarch, block by block. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.points foundations.polynomials.
From MonarchProofs Require Import entry_formula.theorem univariate_view.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Interpolation.

Variables (F : fieldType) (N : nat) (M : 'M[F]_N) (w : F) (q : 'I_N -> {poly F}).
Hypothesis columns : forall i j, M i j = (q j).[w ^+ i].

(** M u evaluates u(Z) = sum u_j q_j(Z). *)
Theorem evaluation (u : 'cV[F]_N) (i : 'I_N) : (M *m u) i 0 = (\sum_j u j 0 *: q j).[w ^+ i].
Proof.
by rewrite mxE horner_sum; apply: eq_bigr => j _; rewrite hornerZ columns mulrC.
Qed.

(** M^-1 v interpolates: it is the only u whose polynomial takes the values v. *)
Theorem interpolation (u v : 'cV[F]_N) :
  M \in unitmx -> (forall i : 'I_N, (\sum_j u j 0 *: q j).[w ^+ i] = v i 0) <-> u = invmx M *m v.
Proof.
move=> unit; split=> [values|-> i]; last by rewrite -evaluation mulKVmx.
have -> : v = M *m u by apply/colP => i; rewrite evaluation values.
by rewrite mulKmx.
Qed.

End Interpolation.

Section Inverse.

Variables (F : fieldType) (b0 b1 : nat) (L : 'I_b0 -> 'M[F]_b1) (B : 'I_b1 -> 'M[F]_b0).
Hypothesis L_unit : forall s, L s \in unitmx.
Hypothesis B_unit : forall a1, B a1 \in unitmx.

(** (P L P R P)^-1 = P R^-1 P L^-1 P: Monarch again, stages in reverse order. By recursion, for every order. *)
Theorem inverse_is_monarch :
  monarch2 L B *m monarch2 (fun a1 => invmx (B a1)) (fun s => invmx (L s)) = 1%:M.
Proof.
apply/matrixP => i j; case: (join_split i) => t [s ->]; case: (join_split j) => t' [s' ->].
rewrite mxE big_join exchange_big /= [RHS]mxE eq_join.
transitivity (\sum_a1 L s t a1 * (s == s')%:R * invmx (L s') a1 t').
  apply: eq_bigr => a1 _.
  have /matrixP /(_ s s') := mulmxV (B_unit a1); rewrite mxE [RHS]mxE => <-.
  rewrite mulr_sumr mulr_suml; apply: eq_bigr => a0 _.
  by rewrite !entry_order2 !mulrA.
case: (eqVneq s s') => [<-|_]; last by rewrite andbF big1 // => a1 _; rewrite mulr0 mul0r.
have /matrixP /(_ t t') := mulmxV (L_unit s); rewrite mxE [RHS]mxE andbT => <-.
by apply: eq_bigr => a1 _; rewrite mulr1.
Qed.

End Inverse.

Print Assumptions evaluation.
Print Assumptions interpolation.
Print Assumptions inverse_is_monarch.
