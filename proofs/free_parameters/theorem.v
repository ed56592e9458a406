(** The fibres of the causal family: which factors give the same matrix. One scalar for each slice is free, that is
    lambda(i_0 ... i_{k-1}; a_k ... a_{p-1}) between the stages k - 1 and k; and in the family, where one polynomial of each
    column is a monomial, one for each value of a_k ... a_{p-1}. *)
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

Section OrderP.

Variable F : fieldType.

(** G' is G, its columns multiplied by d at the input, and between the stages by scalars that cancel. *)
Fixpoint rescaled (rs : radices) : ('I_(inputs rs) -> F) -> factors F rs -> factors F rs -> Prop :=
  match rs return ('I_(inputs rs) -> F) -> factors F rs -> factors F rs -> Prop with
  | (m, n) :: rest => fun d G G' => exists scale : 'I_m -> 'I_(inputs rest) -> F,
      (forall s a, scale s a != 0
        /\ forall a0, G'.1 a s a0 = (scale s a)^-1 * (d (join a0 a) * G.1 a s a0))
      /\ forall s, rescaled (scale s) (G.2 s) (G'.2 s)
  | [::] => fun d _ _ => d ord0 = 1
  end.

(** No slice of any split is zero. *)
Fixpoint slices_nonzero (rs : radices) : factors F rs -> Prop :=
  match rs return factors F rs -> Prop with
  | (m, n) :: rest => fun G => (forall s a, exists a0, G.1 a s a0 != 0)
      /\ forall s, (forall a, exists t, monarch (G.2 s) t a != 0) /\ slices_nonzero (G.2 s)
  | [::] => fun _ => True
  end.

Theorem same_matrix_order_p rs (d : 'I_(inputs rs) -> F) (G G' : factors F rs) :
  (forall a, d a != 0) -> slices_nonzero G ->
  (forall t a, monarch G' t a = d a * monarch G t a) <-> rescaled d G G'.
Proof.
elim: rs d G G' => [|[m n] rest IH] d G G' nonzero_d.
  move=> _ /=; split=> [/(_ ord0 ord0)|one t a]; first by rewrite !mxE eqxx mulr1 => <-.
  by rewrite (ord1 a) one mul1r.
move=> [nonzero_B later].
pose B a : 'M[F]_(m, n) := \matrix_(s, a0) (d (join a0 a) * G.1 a s a0).
have nonzero_B' s a : exists a0, B a s a0 != 0.
  by have [a0 nonzero] := nonzero_B s a; exists a0; rewrite mxE mulf_neq0.
have columns s a : exists t, monarch (G.2 s) t a != 0 by have [] := later s.
have left_scaled : (forall t a, monarch G' t a = d a * monarch G t a)
    <-> monarch2 (fun s => monarch (G.2 s)) B = monarch2 (fun s => monarch (G'.2 s)) G'.1.
  split=> [same|/matrixP same].
    apply/matrixP => i j; have := same i j; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a ->].
    by rewrite /= !entry_order2 mxE => ->; rewrite mulrCA.
  move=> i j; have := same i j; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a ->].
  by rewrite /= !entry_order2 mxE => <-; rewrite mulrCA.
rewrite left_scaled (same_matrix _ _ columns nonzero_B'); split=> [[scale all]|[scale [first rest_scaled]]].
  exists scale; split=> [s a|s]; first by have [? _ each] := all s a; split=> // a0; rewrite each mxE.
  apply/(IH (scale s) (G.2 s) (G'.2 s) _ (later s).2) => [a|t a]; first by have [] := all s a.
  by have [_ ->] := all s a.
exists scale => s a; have [nonzero each] := first s a; split=> // [t|a0]; last by rewrite each mxE.
by apply: (iffRL (IH (scale s) (G.2 s) (G'.2 s) (fun a => (first s a).1) (later s).2) (rest_scaled s)).
Qed.

(** In the family one polynomial of each stage and each choice of later digits, for the last digit, is a monomial: its
    values are c y, y a power of a root of unity that the exponent gives. *)

Fixpoint digits_of (rs : radices) : Type := if rs is (_, n) :: rest then ('I_n * digits_of rest)%type else unit.
Fixpoint constants (rs : radices) : Type :=
  if rs is (_, _) :: rest then (('I_(inputs rest) -> F) * constants rest)%type else unit.

Fixpoint monomial (rs : radices) : digits_of rs -> constants rs -> constants rs -> factors F rs -> factors F rs -> Prop :=
  match rs return digits_of rs -> constants rs -> constants rs -> factors F rs -> factors F rs -> Prop with
  | (m, n) :: rest => fun top c c' G G' =>
      (forall a, [/\ c.1 a != 0, c'.1 a != 0 & forall s, exists y,
        [/\ y != 0, G.1 a s top.1 = c.1 a * y & G'.1 a s top.1 = c'.1 a * y]])
      /\ forall s, monomial top.2 c.2 c'.2 (G.2 s) (G'.2 s)
  | [::] => fun _ _ _ _ _ => True
  end.

(** Scalars lambda(a_k ... a_{p-1}), k >= 1, that do not depend on the output digits. *)
Fixpoint uniform (rs : radices) : constants rs -> ('I_(inputs rs) -> F) -> factors F rs -> factors F rs -> Prop :=
  match rs return constants rs -> ('I_(inputs rs) -> F) -> factors F rs -> factors F rs -> Prop with
  | (m, n) :: rest => fun scale d G G' =>
      (forall a, scale.1 a != 0)
      /\ (forall s a a0, G'.1 a s a0 = (scale.1 a)^-1 * (d (join a0 a) * G.1 a s a0))
      /\ forall s, uniform scale.2 scale.1 (G.2 s) (G'.2 s)
  | [::] => fun _ d _ _ => d ord0 = 1
  end.

(** What they are: the quotients of the leading constants. *)
Fixpoint quotients (rs : radices) : digits_of rs -> constants rs -> constants rs -> ('I_(inputs rs) -> F) -> constants rs :=
  match rs return digits_of rs -> constants rs -> constants rs -> ('I_(inputs rs) -> F) -> constants rs with
  | (m, n) :: rest => fun top c c' d =>
      let scale a := d (join top.1 a) * c.1 a / c'.1 a in (scale, quotients top.2 c.2 c'.2 scale)
  | [::] => fun _ _ _ _ => tt
  end.

Theorem fibre_order_p rs (top : digits_of rs) c c' (d : 'I_(inputs rs) -> F) (G G' : factors F rs) :
  monomial top c c' G G' -> (forall a, d a != 0) ->
  rescaled d G G' <-> uniform (quotients top c c' d) d G G'.
Proof.
elim: rs top c c' d G G' => [|[m n] rest IH] // top c c' d G G' [tops later] nonzero_d.
set scale := (quotients top c c' d).1.
have nonzero a : scale a != 0.
  by have [c0 c0' _] := tops a; rewrite /scale /= !mulf_neq0 ?invr_eq0.
split=> [[lambda [first rest_scaled]]|[_ [first rest_scaled]]]; last first.
  exists (fun _ a => scale a); split=> [s a|s]; first by split=> // a0; apply: first.
  by apply/(IH _ _ _ scale _ _ (later s) nonzero); apply: rest_scaled.
have same s a : lambda s a = scale a.
  have [c0 c0' /(_ s) [y [y0 e e']]] := tops a; have [l0 /(_ top.1)] := first s a.
  rewrite e e' /scale /= => eq; apply: (mulIf (mulf_neq0 c0' y0)).
  by rewrite [in LHS]eq mulVKf // !mulrA mulfVK.
have same_all s : lambda s =1 scale by move=> a; apply: same.
have eq_rescaled rs' (e e' : 'I_(inputs rs') -> F) H H' : e =1 e' -> rescaled e H H' -> rescaled e' H H'.
  case: rs' e e' H H' => [|[m' n'] rest'] e e' H H' ee' /=; first by rewrite ee'.
  by move=> [l [one two]]; exists l; split=> // s a; have [? each] := one s a; split=> // a0; rewrite each ee'.
split; first exact: nonzero; split=> [s a a0|s]; first by have [_ ->] := first s a; rewrite same.
by apply/(IH _ _ _ scale _ _ (later s) nonzero); apply: eq_rescaled (same_all s) (rest_scaled s).
Qed.

End OrderP.

Print Assumptions same_matrix.
Print Assumptions fibre.
Print Assumptions same_matrix_order_p.
Print Assumptions fibre_order_p.
