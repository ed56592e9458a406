(** Radices (2, b), n = b: all that L_0 multiplies in the operator is causal without padding, and of L_1 nothing is asked
    where column 0 of the later blocks R_j vanishes at i_0 = 1. *)
From mathcomp Require Import all_ssreflect fingroup perm ssralg zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.operator foundations.identities.
From MonarchProofs Require Import entry_formula.theorem interpolation.theorem unpadded_causality.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Families.

Variables (F : fieldType) (b : nat) (L : 'I_2 -> 'M[F]_b) (B : 'I_b -> 'M[F]_2).
Hypothesis L_unit : forall s, L s \in unitmx.
Hypothesis B_unit : forall a, B a \in unitmx.
Add Field F_field : (field_laws F).

Let M := monarch2 L B.

(** The inverse of M. *)
Definition back := monarch2 (fun a => invmx (B a)) (fun s => invmx (L s)).

Theorem back_inverse : M *m back = 1%:M.
Proof. exact: inverse_is_monarch. Qed.

(** T[i, j, j'], for inputs and outputs below b: those with the first digit 0. *)
Definition leak (i j j' : 'I_b) : F :=
  (back *m \col_l (M l (join ord0 j') * M l (join ord0 j))) (join ord0 i) 0.

(** It is a sum of two tensors of b x b matrices. *)
Theorem two_tensors (i j j' : 'I_b) :
  leak i j j' = \sum_s invmx (B i) ord0 s * (B j' s ord0 * B j s ord0) * tensor (L s) (L s) (L s) i j j'.
Proof.
rewrite /leak mxE big_join exchange_big; apply: eq_bigr => s _; rewrite tensorE mxE mulr_sumr.
apply: eq_bigr => t _; rewrite [(\col_l (M l _ * _)) _ 0]mxE [(\col_l (L s l j' * _)) t 0]mxE /back /M !entry_order2.
move: (invmx (B i) ord0 s) (invmx (L s) i t) (L s t j') (B j' s ord0) (L s t j) (B j s ord0) => a l x y z w.
by by_ring F.
Qed.

Hypothesis first_causal : causal b (L ord0) (L ord0) (L ord0).
Hypothesis zeros : forall j : 'I_b, (0 < j)%N -> B j ord_max ord0 = 0.

(** Main theorem. *)
Theorem larger_family (i j j' : 'I_b) : (i < j)%N -> leak i j j' = 0.
Proof.
move=> lt; rewrite two_tensors !big_ord_recl big_ord0 addr0.
have [vanish _] := causal_tensor b (L ord0) (L ord0) (L ord0).
rewrite (vanish first_causal) // mulr0 add0r (_ : lift ord0 ord0 = ord_max); last exact: val_inj.
by rewrite (zeros (leq_ltn_trans (leq0n i) lt)) !mulr0 mul0r.
Qed.

End Families.

(** What is asked of L_0 in entries: rows of it, in some order, are lower triangular. *)
Corollary larger_family_triangular (F : fieldType) b (L : 'I_2 -> 'M[F]_b) (B : 'I_b -> 'M[F]_2) (p : {perm 'I_b}) :
  (forall s, L s \in unitmx) -> (forall a, B a \in unitmx) -> (forall i j : 'I_b, (p i < j)%N -> L ord0 i j = 0) ->
  (forall j : 'I_b, (0 < j)%N -> B j ord_max ord0 = 0) -> forall i j j' : 'I_b, (i < j)%N -> leak L B i j j' = 0.
Proof.
move=> unit_L unit_B triangular zeros i j j' lt; apply: larger_family => //.
by apply/(unpadded (unit_L ord0)); exists p.
Qed.

Print Assumptions back_inverse.
Print Assumptions two_tensors.
Print Assumptions larger_family.
Print Assumptions larger_family_triangular.
