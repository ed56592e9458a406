(** Monarch product = multivariate evaluation. Order 2: columns are values of l_{a1}(X, Y) r_j(Y) on the grid of points
    (x_t, y_s), polynomials in X with coefficients in Y. Order p: of f_0(X_0) f_1(X_0, X_1) ... f_{p-1}(X_0 ... X_{p-1}).
    Any distinct points will do, roots of unity among them. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra.
From SsrMultinomials Require Import mpoly.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.points foundations.stages.
From MonarchProofs Require Import foundations.grid entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Bivariate.

Variables (F : fieldType) (m0 m1 : nat) (x : 'I_m1 -> F) (y : 'I_m0 -> F).

(** Value of p(X, Y) at (x_t, y_s). *)
Definition at_point (p : {poly {poly F}}) (t : 'I_m1) (s : 'I_m0) : F := p.[(x t)%:P].[y s].

(** Degree below m1 in X and below m0 in Y. *)
Definition reduced2 (p : {poly {poly F}}) : Prop := (size p <= m1)%N /\ forall k, (size (p`_k)%R <= m0)%N.

Section Evaluation.

Variables (n0 n1 : nat) (l : 'I_n1 -> {poly {poly F}}) (r : 'I_n0 -> 'I_n1 -> {poly F}).

Definition basis2 (j : 'I_(n0 * n1)) : {poly {poly F}} := l (low j) * (r (high j) (low j))%:P.

Let L s : 'M[F]_(m1, n1) := \matrix_(t, a1) at_point (l a1) t s.
Let B a1 : 'M[F]_(m0, n0) := \matrix_(s, a0) (r a0 a1).[y s].

Theorem entries_are_values t s j : monarch2 L B (join t s) j = at_point (basis2 j) t s.
Proof.
case: (join_split j) => a0 [a1 ->]; rewrite entry_order2 !mxE /at_point /basis2 high_join low_join.
by rewrite !hornerM hornerC.
Qed.

(** M u evaluates u(X, Y) = sum u_j l_{a1}(X, Y) r_j(Y). *)
Theorem monarch_evaluates (u : 'cV[F]_(n0 * n1)) t s :
  (monarch2 L B *m u) (join t s) 0 = at_point (\sum_j (u j 0)%:P *: basis2 j) t s.
Proof.
rewrite mxE /at_point !horner_sum; apply: eq_bigr => j _.
by rewrite hornerZ hornerM hornerC entries_are_values mulrC.
Qed.

End Evaluation.

Hypothesis distinct_x : injective x.
Hypothesis distinct_y : injective y.

(** The polynomial of degree below m1 in X and m0 in Y with given values on the grid. *)
Definition grid_interpolant (v : 'I_m1 -> 'I_m0 -> F) : {poly {poly F}} :=
  \sum_t map_poly polyC (interpolant x (fun t' => (t' == t)%:R)) * (interpolant y (v t))%:P.

Lemma grid_interpolantE v t s : at_point (grid_interpolant v) t s = v t s.
Proof.
rewrite /at_point /grid_interpolant !horner_sum (bigD1 t) //= big1 ?addr0 => [|t' ne].
  by rewrite !hornerM hornerC horner_map hornerC !interpolantE // eqxx mul1r.
by rewrite !hornerM hornerC horner_map hornerC !interpolantE // eq_sym (negbTE ne) mul0r.
Qed.

Lemma grid_interpolant_reduced v : reduced2 (grid_interpolant v).
Proof.
split=> [|k].
  apply: leq_trans (size_sum _ _ _) _; apply/bigmax_leqP => t _.
  apply: leq_trans (size_mul_leq _ _) _; rewrite size_map_polyC.
  have := size_interpolant x (fun t' => (t' == t)%:R); move: (size _) => d le.
  by rewrite -subn1 leq_subLR addnC leq_add // size_polyC_leq1.
rewrite coef_sum; apply: leq_trans (size_sum _ _ _) _; apply/bigmax_leqP => t _.
rewrite coefMC coef_map /= mul_polyC; apply: leq_trans (size_scale_leq _ _) _.
exact: size_interpolant.
Qed.

(** A reduced polynomial is determined by its values on the grid. *)
Theorem grid_unique p p' :
  reduced2 p -> reduced2 p' -> (forall t s, at_point p t s = at_point p' t s) -> p = p'.
Proof.
move=> [small smalls] [small' smalls'] same; apply/polyP => k.
have eq t : p.[(x t)%:P] = p'.[(x t)%:P].
  have bound (r : {poly {poly F}}) : (forall k, size (r`_k)%R <= m0)%N -> (size r.[(x t)%:P] <= m0)%N.
    move=> le; rewrite horner_coef; apply: leq_trans (size_sum _ _ _) _; apply/bigmax_leqP => i _.
    by rewrite -polyC_exp mulrC mul_polyC; apply: leq_trans (size_scale_leq _ _) _.
  by apply: (same_at_points distinct_y) => [||s]; rewrite ?bound //; apply: same.
apply/polyP => e.
pose slice (r : {poly {poly F}}) := \poly_(k < m1) r`_k`_e.
have slice_value (r : {poly {poly F}}) t : (size r <= m1)%N -> (slice r).[x t] = r.[(x t)%:P]`_e.
  move=> le; rewrite horner_poly (horner_coef_wide _ le) coef_sum; apply: eq_bigr => i _.
  by rewrite -polyC_exp coefMC.
have : slice p = slice p'.
  by apply: (same_at_points distinct_x) => [||t]; rewrite ?size_poly ?slice_value ?eq.
move/polyP /(_ k); rewrite !coef_poly; case: ltnP => // le _.
by rewrite !nth_default ?size_poly0 ?(leq_trans small) ?(leq_trans small') // (leq_trans _ le).
Qed.

(** Main theorem: every order-2 Monarch matrix is such an evaluation, with reduced l_{a1} and deg r_j < m0. *)
Theorem monarch_is_evaluation n0 n1 (L : 'I_m0 -> 'M[F]_(m1, n1)) (B : 'I_n1 -> 'M[F]_(m0, n0)) :
  exists l : 'I_n1 -> {poly {poly F}}, exists r : 'I_n0 -> 'I_n1 -> {poly F},
    [/\ forall a1, reduced2 (l a1), forall a0 a1, (size (r a0 a1) <= m0)%N
      & forall t s j, monarch2 L B (join t s) j = at_point (basis2 l r j) t s].
Proof.
exists (fun a1 => grid_interpolant (fun t s => L s t a1)), (fun a0 a1 => interpolant y (fun s => B a1 s a0)).
split=> [a1|a0 a1|t s j]; [exact: grid_interpolant_reduced | exact: size_interpolant |].
case: (join_split j) => a0 [a1 ->]; rewrite entry_order2 /at_point /basis2 high_join low_join.
by rewrite !hornerM hornerC interpolantE // -[X in _ = X * _]/(at_point _ t s) grid_interpolantE.
Qed.

End Bivariate.

Section OrderP.

Variables (F : fieldType) (rs : radices) (x : nat -> nat -> F).
Hypothesis distinct : forall l, (l < size rs)%N -> injective (fun c : 'I_(radix rs l) => x l c).
Local Notation p := (size rs).

(** The point (x_{0, i_0}, ..., x_{p-1, i_{p-1}}). *)
Local Notation at_index i := (@point F rs x i).

(** f_k: degree below m_l in X_l for l <= k, and no other variable. *)
Definition stage_reduced k : {mpoly F[p]} -> Prop :=
  reduced_by (fun l => if (l <= k)%N then radix rs l else 1%N).

Lemma stage_value k (q : {mpoly F[p]}) i :
  stage_reduced k q -> q.@[at_index (i %% outputs (take k.+1 rs))%N] = q.@[at_index i].
Proof.
move=> red; rewrite !mevalE; apply: eq_big_seq => m in_q; congr (_ * _); apply: eq_bigr => l _; rewrite /point.
case: (leqP l k) => le; first by rewrite digit_prefix.
by have := red m in_q l; rewrite (leqNgt l k) le /= ltnS leqn0 => /eqP ->; rewrite !expr0.
Qed.

(** q_j: the k-th factor depends on the input digits a_k ... a_{p-1} alone. *)
Definition basis_p (f : nat -> nat -> {mpoly F[p]}) (j : nat) : {mpoly F[p]} :=
  \prod_(k < p) f k (j %% inputs (drop k rs))%N.

(** Any such polynomials give a Monarch matrix. *)
Theorem evaluation_is_monarch b (f : nat -> nat -> {mpoly F[p]}) (A : 'M[F]_(outputs rs, b)) :
  (forall k y, (k < p)%N -> stage_reduced k (f k y)) ->
  (forall i j, A i j = (basis_p f j).@[at_index i]) -> staged rs A.
Proof.
move=> red e; exists (fun k X y => (f k y).@[at_index X]) => i j.
rewrite e rmorph_prod; apply: eq_bigr => k _.
by rewrite stage_value //; apply: red.
Qed.

Lemma reduced_by_sum (T : Type) (r : seq T) (P : pred T) (c : T -> F) (q : T -> {mpoly F[p]}) d :
  (forall t, P t -> reduced_by d (q t)) -> reduced_by d (\sum_(t <- r | P t) c t *: q t).
Proof.
move=> red; elim/big_rec: _ => [m|t q' Pt IH m]; first by rewrite msupp0.
move=> /msuppD_le; rewrite mem_cat => /orP [/msuppZ_le|]; last exact: IH.
exact: red.
Qed.

Lemma meval_combination (T : Type) (r : seq T) (P : pred T) (c : T -> F) (q : T -> {mpoly F[p]}) v :
  (\sum_(t <- r | P t) c t *: q t).@[v] = \sum_(t <- r | P t) c t * (q t).@[v].
Proof. by rewrite raddf_sum; apply: eq_bigr => t _; rewrite /= mevalZ. Qed.

(** Every Monarch matrix comes from such polynomials, order p. *)
Theorem monarch_is_evaluation_p b (A : 'M[F]_(outputs rs, b)) :
  staged rs A -> exists f : nat -> nat -> {mpoly F[p]},
    (forall k y, stage_reduced k (f k y)) /\ (forall i j, A i j = (basis_p f j).@[at_index i]).
Proof.
move=> [g e]; exists (fun k y => \sum_(c < outputs rs | (c < outputs (take k.+1 rs))%N) g k c y *: indicator rs x k c).
split=> [k y|i j]; first by apply: reduced_by_sum => c _; apply: indicator_reduced.
rewrite e rmorph_prod; apply: eq_bigr => k _; rewrite /= meval_combination.
have pos : (0 < outputs (take k.+1 rs))%N.
  by apply: dvdn_gt0 (outputs_take_all k.+1 rs); apply: leq_ltn_trans (ltn_ord i).
have lt : (i %% outputs (take k.+1 rs) < outputs rs)%N by apply: leq_ltn_trans (leq_mod _ _) (ltn_ord i).
rewrite (bigD1 (Ordinal lt)); last by rewrite /= ltn_mod.
rewrite (indicatorE distinct k (Ordinal lt) i) [X in _ * X]big1 ?mulr1 => [|l le]; last first.
  by rewrite /= digit_prefix // eqxx.
rewrite /= big1 ?addr0 // => c /andP [small ne]; rewrite indicatorE //.
case: (boolP [exists l : 'I_p, (l <= k)%N && (digit rs l i != digit rs l c)]) => [/existsP [l /andP [le /negbTE differs]]|same].
  by rewrite (bigD1 l) //= differs mul0r mulr0.
case/eqP: ne; apply: val_inj => /=; rewrite -(modn_small small); apply: digits_prefix => l le.
apply/eqP; apply: contraNT same => differs; apply/existsP.
by exists (Ordinal (leq_ltn_trans le (ltn_ord k))); rewrite /= le eq_sym differs.
Qed.

(** M u evaluates the combination of the q_j. *)
Theorem monarch_evaluates_p b (q : 'I_b -> {mpoly F[p]}) (A : 'M[F]_(outputs rs, b)) (u : 'cV[F]_b) i :
  (forall i j, A i j = (q j).@[at_index i]) -> (A *m u) i 0 = (\sum_j u j 0 *: q j).@[at_index i].
Proof. by move=> e; rewrite mxE meval_combination; apply: eq_bigr => j _; rewrite e mulrC. Qed.

(** A polynomial of degree below m_l in each X_l is determined by its values. *)
Theorem grid_unique_p (q q' : {mpoly F[p]}) :
  reduced_mpoly q -> reduced_mpoly q' -> (forall i : 'I_(outputs rs), q.@[at_index i] = q'.@[at_index i]) -> q = q'.
Proof. exact: reduced_unique. Qed.

End OrderP.

Print Assumptions entries_are_values.
Print Assumptions monarch_evaluates.
Print Assumptions grid_unique.
Print Assumptions monarch_is_evaluation.
Print Assumptions evaluation_is_monarch.
Print Assumptions monarch_is_evaluation_p.
Print Assumptions monarch_evaluates_p.
Print Assumptions grid_unique_p.
