(** Membership: a matrix is Monarch of order 2 iff every slice A[(., s), (., a1)] has rank at most one, that is, iff all
    2 x 2 minors of the slices vanish. Any field, any radices. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section RankOne.

Variable F : fieldType.

Lemma rank_one_outer m n (A : 'M[F]_(m, n)) :
  reflect (exists c : 'cV[F]_m, exists r : 'rV[F]_n, A = c *m r) (\rank A <= 1)%N.
Proof.
apply: (iffP idP) => [|[c [r ->]]]; last by rewrite (leq_trans (mulmx_max_rank _ _)).
case: (posnP (\rank A)) => [/eqP|pos le1].
  by rewrite mxrank_eq0 => /eqP -> _; exists 0, 0; rewrite mulmx0.
have one : \rank A = 1%N by apply/eqP; rewrite eqn_leq le1.
exists (castmx (erefl, one) (col_base A)), (castmx (one, erefl) (row_base A)).
by rewrite -[LHS]mulmx_base; case: _ / one; rewrite !castmx_id.
Qed.

(** Determinant of rows i, i' and columns j, j'. *)
Definition minor m n (A : 'M[F]_(m, n)) i i' j j' : F := A i j * A i' j' - A i j' * A i' j.

Lemma rank_one_minors m n (A : 'M[F]_(m, n)) :
  (\rank A <= 1)%N <-> forall i i' j j', minor A i i' j j' = 0.
Proof.
split=> [/rank_one_outer [c [r ->]] i i' j j'|vanish].
  by rewrite /minor !mxE !big_ord1 mulrACA [X in _ - X]mulrACA (mulrC (r 0 j)) subrr.
case: (eqVneq A 0) => [->|nonzero]; first by rewrite mxrank0.
have [i [j pivot]] := matrix0Pn _ nonzero.
apply/rank_one_outer; exists (\col_i' (A i' j / A i j)), (row i A); apply/matrixP => i' j'.
have /eqP := vanish i i' j j'; rewrite subr_eq0 => /eqP e.
rewrite !mxE big_ord1 !mxE; apply: (mulIf pivot).
by rewrite [RHS]mulrAC mulfVK // [LHS]mulrC e mulrC.
Qed.

End RankOne.

Section Membership.

Variables (F : fieldType) (m0 m1 n0 n1 : nat).

Implicit Types (A : 'M[F]_(m1 * m0, n0 * n1)).

(** Rows (t, s), columns (a0, a1): hold s and a1. *)
Definition slice A (s : 'I_m0) (a1 : 'I_n1) : 'M[F]_(m1, n0) := \matrix_(t, a0) A (join t s) (join a0 a1).

Definition is_monarch A : Prop :=
  exists L : 'I_m0 -> 'M[F]_(m1, n1), exists B : 'I_n1 -> 'M[F]_(m0, n0), A = monarch2 L B.

(** Main theorem. *)
Theorem rank_one_slices A : is_monarch A <-> forall s a1, (\rank (slice A s a1) <= 1)%N.
Proof.
split=> [[L [B ->]] s a1|small].
  apply/rank_one_outer; exists (col a1 (L s)), (row s (B a1)); apply/matrixP => t a0.
  by rewrite mxE entry_order2 [RHS]mxE big_ord1 !mxE.
have outer (p : 'I_m0 * 'I_n1) : exists q : 'cV[F]_m1 * 'rV[F]_n0, slice A p.1 p.2 = q.1 *m q.2.
  by case/rank_one_outer: (small p.1 p.2) => c [r e]; exists (c, r).
case: (fin_all_exists outer) => q slices.
exists (fun s => \matrix_(t, a1) (q (s, a1)).1 t 0), (fun a1 => \matrix_(s, a0) (q (s, a1)).2 0 a0).
apply/matrixP => i j; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a1 ->].
have /matrixP /(_ t a0) := slices (s, a1).
by rewrite entry_order2 !mxE big_ord1.
Qed.

(** The same with minors of A itself: rows (t, s), (t', s) and columns (a0, a1), (a0', a1). *)
Corollary vanishing_minors A :
  is_monarch A <->
  forall s a1 t t' a0 a0', minor A (join t s) (join t' s) (join a0 a1) (join a0' a1) = 0.
Proof.
split=> [/rank_one_slices small s a1 t t' a0 a0'|vanish].
  by have /rank_one_minors /(_ t t' a0 a0') := small s a1; rewrite /minor !mxE.
apply/rank_one_slices => s a1; apply/rank_one_minors => t t' a0 a0'.
by have := vanish s a1 t t' a0 a0'; rewrite /minor !mxE.
Qed.

End Membership.

Print Assumptions rank_one_slices.
Print Assumptions vanishing_minors.
