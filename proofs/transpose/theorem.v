(** The transpose of a Monarch matrix is one, of every order: transposed blocks, stages in reverse order. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages entry_formula.theorem.

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

Section OrderP.

Variable R : comRingType.

(** Stage p - 1 - k of the transpose reads what stage k read, with rows and columns exchanged. *)
Theorem transpose_staged rs a b (A : 'M[R]_(a, b)) : staged rs A -> staged (reversed rs) A^T.
Proof.
move=> [g e]; exists (fun k x y => g (size rs - k.+1)%N y x) => j i.
rewrite mxE e size_reversed (reindex_inj rev_ord_inj); apply: eq_bigr => k _.
have lt : (k < size rs)%N := ltn_ord k.
rewrite take_reversed // drop_reversed ?(ltnW lt) // outputs_reversed inputs_reversed /=.
by rewrite -(subnSK lt).
Qed.

(** Any order, any radices, any commutative ring. *)
Theorem transpose rs (F : factors R rs) :
  exists F' : factors R (reversed rs),
    forall i j, monarch F i j = monarch F' (cast_ord (esym (outputs_reversed rs)) j)
                                           (cast_ord (esym (inputs_reversed rs)) i).
Proof.
have /transpose_staged [g e] := monarch_staged F.
by exists (blocks (reversed rs) g) => i j; rewrite blocksE -e mxE.
Qed.

End OrderP.

Print Assumptions transpose_order2.
Print Assumptions transpose_staged.
Print Assumptions transpose.
