(** One polynomial raised: with q_j = Z^j + c Z^m among monomials, the operator leaks at output i = 2m mod N, if i < j and
    the exponents 2j, m + j and 2m are different modulo N, and none is j. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra.
From MonarchProofs Require Import foundations.points foundations.operator.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Raised.

Variables (F : fieldType) (N : nat) (w c : F).
Hypothesis primitive : N.-primitive_root w.
Hypothesis c_nonzero : c != 0.
Variables (j m : 'I_N).
Hypothesis differ : j != m.

(** Values of Z^k, and of the raised q_j. *)
Definition power (k : nat) : 'cV[F]_N := \col_l (w ^+ l) ^+ k.
Definition raised : 'M[F]_N := \matrix_(l, k) ((w ^+ l) ^+ k + (k == j)%:R * (c * (w ^+ l) ^+ m)).

Lemma power_mod k : power (k %% N) = power k.
Proof. by apply/colP => l; rewrite !mxE -!exprM !(mulnC l) !exprM (prim_expr_mod primitive). Qed.

Lemma raised_other (k : 'I_N) : k != j -> raised *m delta_mx k 0 = power k.
Proof. by move=> /negbTE ne; rewrite -colE; apply/colP => l; rewrite !mxE ne mul0r addr0. Qed.

Lemma raised_unit : raised \in unitmx.
Proof.
pose V : 'M[F]_N := vandermonde (fun i : 'I_N => w ^+ i); pose E : 'M[F]_N := delta_mx m j.
have nilpotent : E *m E = 0 by rewrite mul_delta_mx_0 // eq_sym.
have -> : raised = V *m (1%:M + c *: E).
  rewrite mulmxDr mulmx1 -scalemxAr; apply/matrixP => l k.
  rewrite mxE [RHS]mxE [V l k]mxE [(c *: (V *m E)) l k]mxE [(V *m E) l k]mxE; congr (_ + _).
  rewrite (bigD1 m) //= big1 => [|i /negbTE ne]; last by rewrite [E i k]mxE ne mulr0.
  by rewrite [V l m]mxE [E m k]mxE eqxx addr0 /= mulrC -mulrA.
rewrite unitmx_mul vandermonde_unit /=; last exact: powers_distinct primitive.
have /mulmx1_unit [] // : (1%:M + c *: E) *m (1%:M - c *: E) = 1%:M.
by rewrite mulmxDl mul1mx mulmxBr mulmx1 -scalemxAl -scalemxAr nilpotent !scaler0 subr0 subrK.
Qed.

(** q_j^2 = Z^2j + 2 c Z^(m + j) + c^2 Z^2m. *)
Lemma square : \col_l (raised l j * raised l j) = power (j + j) + (c *+ 2) *: power (m + j) + c ^+ 2 *: power (m + m).
Proof.
apply/colP => l; set x := w ^+ l; have e : raised l j = x ^+ j + c * x ^+ m by rewrite mxE eqxx mul1r.
have terms k1 k2 k3 c2 c3 : (power k1 + c2 *: power k2 + c3 *: power k3) l 0 = x ^+ k1 + c2 * x ^+ k2 + c3 * x ^+ k3.
  by rewrite !mxE.
rewrite terms mxE e -expr2 sqrrD.
have twice k : (x ^+ k) ^+ 2 = x ^+ (k + k) by rewrite expr2 exprD.
by rewrite exprMn !twice mulrCA -exprD (addnC j) mulrnAl.
Qed.

Variables (a b i : 'I_N).
Hypothesis first : (a == j + j %[mod N])%N.
Hypothesis second : (b == m + j %[mod N])%N.
Hypothesis third : (i == m + m %[mod N])%N.
Hypotheses (a_j : a != j) (b_j : b != j) (i_j : i != j) (i_a : i != a) (i_b : i != b).

Lemma reduced (k : 'I_N) e : (k == e %[mod N])%N -> power e = power k.
Proof. by move=> /eqP same; rewrite -(power_mod e) -same power_mod. Qed.

Theorem raised_tensor : tensor raised raised raised i j j = c ^+ 2.
Proof.
rewrite tensorE square (reduced first) (reduced second) (reduced third).
rewrite -!raised_other // !scalemxAr -!mulmxDr mulKmx ?raised_unit //.
by rewrite !mxE !eqxx (negbTE i_a) (negbTE i_b) mulr0 !add0r mulr1.
Qed.

Corollary raised_leaks n : (i < j)%N -> (j < n)%N -> ~ causal n raised raised raised.
Proof.
move=> lt_ij lt_jn /causal_tensor /(_ i j j (ltn_trans lt_ij lt_jn) lt_jn lt_jn lt_ij); rewrite raised_tensor.
by move=> /eqP; rewrite expf_eq0 (negbTE c_nonzero) andbF.
Qed.

End Raised.

Print Assumptions raised_tensor.
Print Assumptions raised_leaks.
