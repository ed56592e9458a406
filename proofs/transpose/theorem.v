(** The transpose of a Monarch matrix of order 2 is one: transposed blocks, stages in reverse order. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Theorem transpose_order2 (R : comRingType) m0 m1 n0 n1
    (L : 'I_m0 -> 'M[R]_(m1, n1)) (B : 'I_n1 -> 'M[R]_(m0, n0)) :
  (monarch2 L B)^T = monarch2 (fun a1 => (B a1)^T) (fun s => (L s)^T).
Proof.
apply/matrixP => i j; case: (join_split i) => a0 [a1 ->]; case: (join_split j) => t [s ->].
by rewrite mxE !entry_order2 !mxE mulrC.
Qed.

Print Assumptions transpose_order2.
