(** Optimal projection, order 2: the distance to the class splits over the slices, so nearest rank-one slices make a
    nearest Monarch matrix. For any entrywise cost, the square |z|^2 of the Frobenius norm among them. *)
From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Projection.

Variables (K : numDomainType) (cost : K -> K) (m0 m1 n0 n1 : nat).

(** Cost of a difference, summed over the entries. *)
Definition distance m n (A M : 'M[K]_(m, n)) : K := \sum_i \sum_j cost (A i j - M i j).

Definition slice (A : 'M[K]_(m1 * m0, n0 * n1)) s a1 : 'M[K]_(m1, n0) := \matrix_(t, a0) A (join t s) (join a0 a1).

(** The distance to a Monarch matrix is the sum of the distances of the slices to rank-one matrices. *)
Theorem distance_splits (A : 'M[K]_(m1 * m0, n0 * n1)) (L : 'I_m0 -> 'M[K]_(m1, n1)) (B : 'I_n1 -> 'M[K]_(m0, n0)) :
  distance A (monarch2 L B) = \sum_s \sum_a1 distance (slice A s a1) (col a1 (L s) *m row s (B a1)).
Proof.
rewrite /distance big_join exchange_big; apply: eq_bigr => s _.
under eq_bigr => t _ do rewrite big_join exchange_big.
rewrite exchange_big; apply: eq_bigr => a1 _; apply: eq_bigr => t _; apply: eq_bigr => a0 _.
by rewrite entry_order2 !mxE big_ord1 !mxE.
Qed.

(** Main theorem. *)
Theorem optimal_projection (A : 'M[K]_(m1 * m0, n0 * n1)) (L : 'I_m0 -> 'M[K]_(m1, n1)) (B : 'I_n1 -> 'M[K]_(m0, n0)) :
  (forall s a1 (c : 'cV[K]_m1) (r : 'rV[K]_n0),
     distance (slice A s a1) (col a1 (L s) *m row s (B a1)) <= distance (slice A s a1) (c *m r)) ->
  forall L' B', distance A (monarch2 L B) <= distance A (monarch2 L' B').
Proof.
by move=> nearest L' B'; rewrite !distance_splits; apply: ler_sum => s _; apply: ler_sum => a1 _; apply: nearest.
Qed.

End Projection.

Print Assumptions distance_splits.
Print Assumptions optimal_projection.
