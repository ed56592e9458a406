(** Product-order causality: with degrees bounded below digit by digit, output (i0, i1) sees input (a0, a1) only if
    a0 <= i0 and a1 <= i1, as long as products stay below degree b1 in X and b0 in Y; and so for p digits. Any distinct
    points. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra fingroup perm.
From SsrMultinomials Require Import mpoly.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.triangular foundations.operator.
From MonarchProofs Require Import foundations.grid multivariate_evaluation.theorem causality_sufficient.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section ProductOrder.

Variables (F : fieldType) (b0 b1 : nat) (x : 'I_b1 -> F) (y : 'I_b0 -> F).
Hypothesis distinct_x : injective x.
Hypothesis distinct_y : injective y.

Let N := (b0 * b1)%N.

(** Output row of the point (x_t, y_s): the index t b0 + s. *)
Definition row_of (t : 'I_b1) (s : 'I_b0) : 'I_N := cast_ord (mulnC b1 b0) (join t s).

Lemma row_of_onto (i : 'I_N) : exists t, exists s, i = row_of t s.
Proof.
case: (join_split (cast_ord (mulnC b0 b1) i)) => t [s e]; exists t, s.
by apply: val_inj; rewrite /= -[RHS]/(val (join t s)) -e.
Qed.

(** Every digit at most the other's. Input digits are (a0, a1), most significant first. *)
Definition below (i j : 'I_N) : bool := (high i <= high j)%N && (low i <= low j)%N.

Lemma below_trans : transitive below.
Proof.
by move=> j i k /andP [h l] /andP [h' l']; rewrite /below (leq_trans h h') (leq_trans l l').
Qed.

Lemma below_leq i j : below i j -> (i <= j)%N.
Proof.
case: (join_split i) => a [a' ->]; case: (join_split j) => c [c' ->].
rewrite /below !high_join !low_join => /andP [h l].
by rewrite /= leq_add // leq_mul2r h orbT.
Qed.

(** Coefficient of Y^a0 X^a1, (a0, a1) the digits of e. *)
Definition coefficient (p : {poly {poly F}}) (e : 'I_N) : F := p`_(low e)`_(high e).

Definition values2 (q : 'I_N -> {poly {poly F}}) : 'M[F]_N :=
  \matrix_(i, j) at_point x y (q j) (high (cast_ord (mulnC b0 b1) i)) (low (cast_ord (mulnC b0 b1) i)).

Lemma values2E q t s j : values2 q (row_of t s) j = at_point x y (q j) t s.
Proof.
rewrite mxE; suff -> : cast_ord (mulnC b0 b1) (row_of t s) = join t s by rewrite high_join low_join.
exact: val_inj.
Qed.

Let monomial (e : 'I_N) : {poly {poly F}} := ('X^(high e))%:P * 'X^(low e).

Let V : 'M[F]_N := values2 monomial.

Lemma coef_term (c : F) e k l :
  (c%:P *: monomial e)`_k`_l = c * ((k == low e) && (l == high e))%:R.
Proof.
rewrite coefZ coefCM /monomial coefCM coefXn; congr (_ * _).
by case: (k == low e); rewrite ?mulr1 ?mulr0 ?coef0 ?coefXn.
Qed.

Lemma sum_terms (c : 'I_N -> F) k l :
  (\sum_e (c e)%:P *: monomial e)`_k`_l = \sum_e c e * ((k == low e) && (l == high e))%:R.
Proof. by rewrite !coef_sum; apply: eq_bigr => e _; rewrite coef_term. Qed.

Lemma coefficient_sum (c : 'I_N -> F) e : coefficient (\sum_e (c e)%:P *: monomial e) e = c e.
Proof.
rewrite /coefficient sum_terms (bigD1 e) //= !eqxx mulr1 big1 ?addr0 // => e' ne.
case: andP => [[/eqP el /eqP eh]|_]; last by rewrite mulr0.
case/eqP: ne; rewrite -(join_high_low e') -(join_high_low e).
by congr join; apply: val_inj.
Qed.

Lemma sum_reduced (c : 'I_N -> F) : reduced2 b0 b1 (\sum_e (c e)%:P *: monomial e).
Proof.
split=> [|k].
  apply/leq_sizeP => k le_k; apply/polyP => l; rewrite coef0 sum_terms big1 // => e _.
  by rewrite gtn_eqF ?mulr0 // (leq_trans (ltn_ord _)).
apply/leq_sizeP => l le_l; rewrite sum_terms big1 // => e _.
by rewrite [l == _]gtn_eqF ?andbF ?mulr0 // (leq_trans (ltn_ord _)).
Qed.

Lemma reduced_monomials (p : {poly {poly F}}) :
  reduced2 b0 b1 p -> p = \sum_e (coefficient p e)%:P *: monomial e.
Proof.
move=> [small smalls]; have [small' smalls'] := sum_reduced (coefficient p).
apply/polyP => k; apply/polyP => l.
case: (ltnP k b1) => [lt_k|le_k]; last first.
  have -> : p`_k = 0 by apply: nth_default; apply: leq_trans le_k.
  by have -> : (\sum_e (coefficient p e)%:P *: monomial e)`_k = 0 by apply: nth_default; apply: leq_trans le_k.
case: (ltnP l b0) => [lt_l|le_l]; last first.
  have -> : p`_k`_l = 0 by apply: nth_default; apply: leq_trans le_l.
  by apply/esym; apply: nth_default; apply: leq_trans le_l.
have := coefficient_sum (coefficient p) (join (Ordinal lt_l) (Ordinal lt_k)).
by rewrite {1 3}/coefficient high_join low_join.
Qed.

Lemma values2_factor (p : {poly {poly F}}) i t s :
  i = row_of t s -> reduced2 b0 b1 p -> (V *m \col_e coefficient p e) i 0 = at_point x y p t s.
Proof.
move=> -> red; rewrite [in RHS](reduced_monomials red) /at_point !horner_sum mxE; apply: eq_bigr => e _.
by rewrite [V _ e]values2E mxE hornerZ hornerM hornerC mulrC.
Qed.

Lemma V_unit : V \in unitmx.
Proof.
rewrite -unitmx_tr -row_free_unit; apply: inj_row_free => v vanish.
pose p : {poly {poly F}} := \sum_e (v 0 e)%:P *: monomial e.
have coef_p e : coefficient p e = v 0 e by apply: coefficient_sum.
have red : reduced2 b0 b1 p by apply: sum_reduced.
have zero : p = 0.
  apply: (grid_unique distinct_x distinct_y red) => [|t s]; first by split=> [|k]; rewrite ?coef0 size_poly0.
  rewrite -(values2_factor (erefl (row_of t s)) red) /at_point !horner0.
  have -> : \col_e coefficient p e = v^T by apply/colP => e; rewrite !mxE coef_p.
  by rewrite -[V]trmxK -trmx_mul vanish !mxE.
by apply/rowP => e; rewrite -coef_p zero /coefficient !coef0 mxE.
Qed.

(** Degrees bounded below: exponent of Y at least a0 and of X at least a1, (a0, a1) the digits of j. *)
Definition above (j : 'I_N) (p : {poly {poly F}}) : Prop :=
  forall k l, (k < low j)%N || (l < high j)%N -> p`_k`_l = 0.

Lemma above_mul j p p' : above j p' -> above j (p * p').
Proof.
move=> low_p' k l lt; rewrite coefM coef_sum big1 // => i _; rewrite coefM big1 // => h _.
rewrite low_p' ?mulr0 //; case/orP: lt => lt; apply/orP; [left|right].
  by apply: leq_ltn_trans lt; rewrite leq_subr.
by apply: leq_ltn_trans lt; rewrite leq_subr.
Qed.

Variables (q0 q1 q2 : 'I_N -> {poly {poly F}}) (box : pred 'I_N).
Hypothesis low0 : forall j, above j (q0 j).
Hypothesis lead0 : forall j, coefficient (q0 j) j != 0.
Hypothesis high0 : forall j, reduced2 b0 b1 (q0 j).
Hypothesis low2 : forall j, box j -> above j (q2 j).
Hypothesis no_wrap : forall j j', box j -> box j' -> reduced2 b0 b1 (q1 j' * q2 j).

Let Q : 'M[F]_N := \matrix_(e, j) coefficient (q0 j) e.

Let Q_triangular e j : Q e j != 0 -> below j e.
Proof.
rewrite mxE; apply: contraNT; rewrite negb_and -!ltnNge orbC => lt.
by rewrite /coefficient low0.
Qed.

Let Q_diagonal j : Q j j != 0.
Proof. by rewrite mxE. Qed.

Let factored : values2 q0 = V *m Q.
Proof.
apply/matrixP => i j; case: (row_of_onto i) => t [s e].
rewrite [in LHS]e values2E -(values2_factor e (high0 j)) !mxE.
by apply: eq_bigr => k _; rewrite !mxE.
Qed.

Theorem product_order_invertible : values2 q0 \in unitmx.
Proof. by rewrite factored unitmx_mul V_unit (triangular_unit below_leq Q_triangular Q_diagonal). Qed.

(** Main theorem. *)
Theorem product_order_causal i j j' :
  box j -> box j' -> tensor (values2 q0) (values2 q1) (values2 q2) i j j' != 0 -> below j i.
Proof.
move=> in_j in_j' nonzero; rewrite tensorE in nonzero.
apply: (solution_above below_trans below_leq Q_triangular Q_diagonal _ nonzero) => e.
have -> : \col_l (values2 q1 l j' * values2 q2 l j) = V *m \col_e coefficient (q1 j' * q2 j) e.
  apply/colP => l; case: (row_of_onto l) => t [s eq].
  rewrite (values2_factor eq (no_wrap in_j in_j')) eq mxE !values2E.
  by rewrite /at_point !hornerM.
have -> : Q *m (invmx (values2 q0) *m (V *m \col_e coefficient (q1 j' * q2 j) e)) = \col_e coefficient (q1 j' * q2 j) e.
  by apply: (can_inj (mulKmx V_unit)); rewrite [in LHS]mulmxA -factored mulKVmx // product_order_invertible.
rewrite mxE; apply: contraNT; rewrite negb_and -!ltnNge orbC => lt.
by rewrite /coefficient (above_mul _ (low2 in_j)).
Qed.

End ProductOrder.

Section OrderP.

Variables (F : fieldType) (rs : radices) (x : nat -> nat -> F).
Hypothesis distinct : forall l, (l < size rs)%N -> injective (fun c : 'I_(radix rs l) => x l c).
Local Notation p := (size rs).
Local Notation N := (outputs rs).

(** The rows may stand in any order: row i belongs to the point with the digits of [place i]. The digits of rs are those
    of the input index, and Monarch matrices order the points by the reversed digits. *)
Variable place : 'I_N -> 'I_N.
Hypothesis place_inj : injective place.
Local Notation at_row i := (@point F rs x (place i)).

(** Every digit at most the other's. *)
Definition below_p (i j : 'I_N) : bool := [forall l : 'I_p, (digit rs l i <= digit rs l j)%N].

Lemma below_p_trans : transitive below_p.
Proof.
move=> j i k /forallP ij /forallP jk; apply/forallP => l.
exact: leq_trans (ij l) (jk l).
Qed.

Lemma below_p_leq i j : below_p i j -> (i <= j)%N.
Proof. by move=> /forallP le; apply: digits_leq => l lt; apply: (le (Ordinal lt)). Qed.

(** Degree in X_l at least the digit l of j, in every term. *)
Definition above_p (j : 'I_N) (q : {mpoly F[p]}) : Prop :=
  forall m, m \in msupp q -> forall l : 'I_p, (digit rs l j <= m l)%N.

Lemma above_p_mul j q q' : above_p j q' -> above_p j (q * q').
Proof.
move=> low m /msuppM_le /allpairsP [[m1 m2] [/= _ in2 ->]] l.
by rewrite mnmDE (leq_trans (low _ in2 l)) // leq_addl.
Qed.

Variables (q0 q1 q2 : 'I_N -> {mpoly F[p]}) (box : pred 'I_N).
Hypothesis low0 : forall j, above_p j (q0 j).
Hypothesis lead0 : forall j : 'I_N, (q0 j)@_(monomial rs j) != 0.
Hypothesis high0 : forall j, reduced_mpoly (q0 j).
Hypothesis low2 : forall j, box j -> above_p j (q2 j).
Hypothesis no_wrap : forall j j', box j -> box j' -> reduced_mpoly (q1 j' * q2 j).

Definition values_p (q : 'I_N -> {mpoly F[p]}) : 'M[F]_N := \matrix_(i, j) (q j).@[at_row i].

Let Q : 'M[F]_N := \matrix_(e, j) (q0 j)@_(monomial rs e).

Let above_coefficient j (q : {mpoly F[p]}) (e : 'I_N) : above_p j q -> q@_(monomial rs e) != 0 -> below_p j e.
Proof.
move=> low; rewrite -mcoeff_msupp => in_q; apply/forallP => l.
by have := low _ in_q l; rewrite mnmE.
Qed.

Let Q_triangular e j : Q e j != 0 -> below_p j e.
Proof. by rewrite mxE; apply: above_coefficient. Qed.

Let Q_diagonal j : Q j j != 0.
Proof. by rewrite mxE. Qed.

Let V : 'M[F]_N := row_perm (perm place_inj) (grid_matrix rs x).

Let V_unit : V \in unitmx.
Proof. by rewrite /V row_permE unitmx_mul unitmx_perm grid_unit. Qed.

Let V_values (q : {mpoly F[p]}) i : reduced_mpoly q -> (V *m \col_e q@_(monomial rs e)) i 0 = q.@[at_row i].
Proof.
move=> red; rewrite -(grid_factor x (place i) red) !mxE.
by apply: eq_bigr => e _; rewrite !mxE permE.
Qed.

Let factored : values_p q0 = V *m Q.
Proof.
apply/matrixP => i j; rewrite mxE -(V_values i (@high0 j)) !mxE.
by apply: eq_bigr => e _; rewrite !mxE.
Qed.

Theorem product_order_invertible_p : values_p q0 \in unitmx.
Proof. by rewrite factored unitmx_mul V_unit (triangular_unit below_p_leq Q_triangular Q_diagonal). Qed.

(** Main theorem, order p. *)
Theorem product_order_causal_p i j j' :
  box j -> box j' -> tensor (values_p q0) (values_p q1) (values_p q2) i j j' != 0 -> below_p j i.
Proof.
move=> in_j in_j' nonzero; rewrite tensorE in nonzero.
apply: (solution_above below_p_trans below_p_leq Q_triangular Q_diagonal _ nonzero) => e.
have -> : \col_l (values_p q1 l j' * values_p q2 l j) = V *m \col_e (q1 j' * q2 j)@_(monomial rs e).
  by apply/colP => l; rewrite (V_values _ (no_wrap in_j in_j')) !mxE mevalM.
set c := \col_e' _; have -> : Q *m (invmx (values_p q0) *m (V *m c)) = c.
  by apply: (can_inj (mulKmx V_unit)); rewrite [in LHS]mulmxA -factored mulKVmx // product_order_invertible_p.
rewrite mxE; apply: above_coefficient; apply: above_p_mul; exact: low2.
Qed.

End OrderP.

Print Assumptions product_order_invertible.
Print Assumptions product_order_causal.
Print Assumptions product_order_invertible_p.
Print Assumptions product_order_causal_p.
