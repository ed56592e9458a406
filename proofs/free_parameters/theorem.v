(** The fibres of the causal family at order 2: which factors give the same matrix. One scalar for each slice is free,
    and in the family, where one polynomial of each column is a monomial, one for each value of a_1. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Fibre.

Variables (F : fieldType) (m0 m1 n0 n1 : nat).
Variables (L L' : 'I_m0 -> 'M[F]_(m1, n1)) (B B' : 'I_n1 -> 'M[F]_(m0, n0)).

Definition scaled (scale : 'I_m0 -> 'I_n1 -> F) : Prop := forall s a,
  [/\ scale s a != 0, forall t, L' s t a = scale s a * L s t a & forall a0, B' a s a0 = (scale s a)^-1 * B a s a0].

Lemma scaled_same scale : scaled scale -> monarch2 L B = monarch2 L' B'.
Proof.
move=> all; apply/matrixP => i j; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a ->].
by rewrite !entry_order2; have [nonzero -> ->] := all s a; rewrite mulrACA mulfV // mul1r.
Qed.

(** No slice is zero. *)
Hypothesis L_nonzero : forall s a, exists t, L s t a != 0.
Hypothesis B_nonzero : forall s a, exists a0, B a s a0 != 0.

Theorem same_matrix : monarch2 L B = monarch2 L' B' <-> exists scale, scaled scale.
Proof.
split=> [same|[scale all]]; last exact: scaled_same all.
have entry s t a a0 : L s t a * B a s a0 = L' s t a * B' a s a0.
  by rewrite -!entry_order2 same.
have one s a : exists c, [/\ c != 0, forall t, L' s t a = c * L s t a & forall a0, B' a s a0 = c^-1 * B a s a0].
  have [t nonzero_L] := L_nonzero s a; have [a0 nonzero_B] := B_nonzero s a.
  have product : L' s t a * B' a s a0 != 0 by rewrite -entry mulf_neq0.
  have [nonzero_L' nonzero_B'] : L' s t a != 0 /\ B' a s a0 != 0.
    by move: product; rewrite mulf_eq0 negb_or => /andP.
  exists (L' s t a / L s t a); split; first by rewrite mulf_neq0 ?invr_eq0.
    have ratio : L' s t a / L s t a = B a s a0 / B' a s a0.
      by apply/eqP; rewrite eqr_div // -entry mulrC.
    move=> t'; have e := entry s t' a a0; rewrite ratio mulrAC -[RHS]/(_ * _ / _).
    by rewrite (mulrC (B a s a0)) e mulfK.
  move=> b0; have e := entry s t a b0; apply: (mulfI nonzero_L').
  by rewrite -e mulrA invf_div mulrCA mulfV // mulr1.
have [scale each] := fin_all_exists (fun s => fin_all_exists (one s)).
by exists scale => s a; apply: each.
Qed.

(** In the family r_j is a monomial c Y^e for the last value of a_0: so it has to stay, and then the scalar does not
    depend on s. *)
Variables (top : 'I_n0) (y : 'I_m0 -> F) (c c' : 'I_n1 -> F).
Hypothesis y_nonzero : forall s, y s != 0.
Hypothesis c_nonzero : forall a, c a != 0.
Hypothesis c'_nonzero : forall a, c' a != 0.
Hypothesis monomial : forall s a, B a s top = c a * y s.
Hypothesis monomial' : forall s a, B' a s top = c' a * y s.

Theorem fibre : monarch2 L B = monarch2 L' B' <-> exists scale : 'I_n1 -> F, scaled (fun _ a => scale a).
Proof.
split=> [/same_matrix [scale all]|[scale all]]; last exact: scaled_same all.
exists (fun a => c a / c' a) => s a; have [nonzero each_L each_B] := all s a.
have -> : c a / c' a = scale s a; last by [].
have := each_B top; rewrite monomial monomial' mulrA => /(mulIf (y_nonzero s)) ->.
by rewrite invfM invrK mulrCA mulfV // mulr1.
Qed.

End Fibre.

Print Assumptions same_matrix.
Print Assumptions fibre.
