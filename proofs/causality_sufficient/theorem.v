(** Causality, sufficient condition: minimum degrees in order and no wrap-around.

    Over any field with a primitive N-th root of unity; any order p, any radices, any n with 2 n - 1 <= N. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra mxpoly.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.points foundations.polynomials.
From MonarchProofs Require Import foundations.triangular foundations.operator univariate_view.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section MinimumDegree.

Variable F : fieldType.
Implicit Types p q : {poly F}.

(** Minimum degree at least d, and exactly d. *)
Definition starts (d : nat) p : Prop := forall k, (k < d)%N -> p`_k = 0.
Definition trailing (d : nat) p : Prop := starts d p /\ p`_d != 0.

Lemma starts_mul d e p q : starts d p -> starts e q -> starts (d + e) (p * q).
Proof.
move=> sp sq k lt_k; rewrite coefM big1 // => i _.
case: (ltnP i d) => [/sp -> |le_d]; first by rewrite mul0r.
have le_ik : (i <= k)%N by rewrite -ltnS.
by rewrite sq ?mulr0 // ltn_subLR // (leq_trans lt_k) // leq_add2r.
Qed.

(** Minimum degrees add: the field has no zero divisors. *)
Lemma trailing_mul d e p q : trailing d p -> trailing e q -> trailing (d + e) (p * q).
Proof.
move=> [sp np] [sq nq]; split; first exact: starts_mul.
have lt_d : (d < (d + e).+1)%N by rewrite ltnS leq_addr.
rewrite coefM (bigD1 (Ordinal lt_d)) //= addKn big1 ?addr0 ?mulf_neq0 // => i ne.
case: (ltngtP i d) => [/sp -> |lt_di|eq]; first by rewrite mul0r.
  have le_i : (i <= d + e)%N by rewrite -ltnS.
  by rewrite sq ?mulr0 // ltn_subLR // ltn_add2r.
by move: ne; rewrite -val_eqE /= eq eqxx.
Qed.

(** Z -> Z^m multiplies every exponent by m. *)
Lemma coef_comp_Xn p m k : (0 < m)%N -> (p \Po 'X^m)`_k = if (m %| k)%N then p`_(k %/ m) else 0.
Proof.
move=> m_pos; rewrite coef_comp_poly.
rewrite (eq_bigr (fun i : 'I_(size p) => p`_i * (k == m * i)%N%:R)) => [|i _]; last by rewrite -exprM coefXn.
case: dvdnP => [[d ->]|no]; last first.
  rewrite big1 // => i _; case: eqP => [e|]; last by rewrite mulr0.
  by case: no; exists i; rewrite e mulnC.
rewrite mulnK //; case: (ltnP d (size p)) => [lt_d|le_d].
  rewrite (bigD1 (Ordinal lt_d)) //= mulnC eqxx mulr1 big1 ?addr0 // => i ne.
  rewrite eqn_pmul2l //; case: eqP => [e|]; last by rewrite mulr0.
  by move: ne; rewrite -val_eqE /= e eqxx.
rewrite nth_default // big1 // => i _; rewrite mulnC eqn_pmul2l //.
by case: eqP => [e|]; rewrite ?mulr0 //; move: (ltn_ord i); rewrite -e ltnNge le_d.
Qed.

Lemma trailing_comp d p m : (0 < m)%N -> trailing d p -> trailing (d * m) (p \Po 'X^m).
Proof.
move=> m_pos [sp np]; split => [k lt_k|]; last by rewrite coef_comp_Xn // dvdn_mull // mulnK.
rewrite coef_comp_Xn //; case: ifP => // _; apply: sp.
by rewrite ltn_divLR.
Qed.

End MinimumDegree.

Section Bases.

Variables (F : fieldType) (N : nat) (w : F).
Hypothesis primitive : N.-primitive_root w.

(** Columns are the values of the q_j at the N-th roots of unity. *)
Definition values (q : 'I_N -> {poly F}) : 'M[F]_N := \matrix_(i, j) (q j).[w ^+ i].

Definition coefficients (q : 'I_N -> {poly F}) : 'M[F]_N := \matrix_(e, j) (q j)`_e.

Let V : 'M[F]_N := vandermonde (fun i : 'I_N => w ^+ i).

Let V_unit : V \in unitmx.
Proof. by apply: vandermonde_unit; apply: powers_distinct. Qed.

Lemma values_factor (q : 'I_N -> {poly F}) : (forall j, size (q j) <= N)%N -> values q = V *m coefficients q.
Proof.
move=> small; apply/matrixP => i j.
have <- : (V *m \col_e (q j)`_e) i 0 = values q i j by rewrite vandermonde_coefficients // mxE.
by rewrite !mxE; apply: eq_bigr => e _; rewrite !mxE.
Qed.

Section Triangular.

Variable q : 'I_N -> {poly F}.
Hypothesis low : forall j : 'I_N, trailing j (q j).
Hypothesis high : forall j, (size (q j) <= N)%N.

Let Q := coefficients q.

Let Q_triangular e j : Q e j != 0 -> (j <= e)%N.
Proof. by rewrite mxE; apply: contraNT; rewrite -ltnNge => /(proj1 (low j)) ->. Qed.

Let Q_diagonal j : Q j j != 0.
Proof. by rewrite mxE; case: (low j). Qed.

Let le_trans : transitive (fun i j : 'I_N => (i <= j)%N).
Proof. by move=> y x z; apply: leq_trans. Qed.

Lemma values_unit : values q \in unitmx.
Proof. by rewrite values_factor // unitmx_mul V_unit (triangular_unit (fun _ _ => id) Q_triangular). Qed.

(** Interpolating a polynomial in the basis q. *)
Lemma coordinates (p : {poly F}) :
  (size p <= N)%N -> Q *m (invmx (values q) *m \col_l p.[w ^+ l]) = \col_e p`_e.
Proof.
move=> small.
have -> : \col_l p.[w ^+ l] = V *m \col_e p`_e.
  by apply/colP => l; rewrite vandermonde_coefficients // mxE.
apply: (can_inj (mulKmx V_unit)).
by rewrite [in LHS]mulmxA -values_factor // mulKVmx // values_unit.
Qed.

(** Three different matrices: M0's basis is triangular; for the signal, mindeg q2_j >= j; products do not wrap. Nothing
    is asked of the minimum degrees on the filter's side. *)
Theorem causal_three_matrices (q1 q2 : 'I_N -> {poly F}) n :
  (forall j : 'I_N, (j < n)%N -> starts j (q2 j)) ->
  (forall j j' : 'I_N, (j < n)%N -> (j' < n)%N -> (size (q1 j' * q2 j)%R <= N)%N) ->
  causal n (values q) (values q1) (values q2).
Proof.
move=> low2 no_wrap; apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij.
rewrite tensorE; apply: contraTeq lt_ij => nonzero; rewrite -leqNgt.
apply: (@solution_above _ _ _ le_trans (fun _ _ => id) _ Q_triangular Q_diagonal _ j _ _ nonzero) => e.
have -> : \col_l (values q1 l j' * values q2 l j) = \col_l (q1 j' * q2 j).[w ^+ l].
  by apply/colP => l; rewrite !mxE hornerM.
rewrite coordinates ?no_wrap // mxE; apply: contraNT; rewrite -ltnNge => lt_ej.
have := @starts_mul _ 0 j (q1 j') (q2 j); rewrite add0n => -> //.
exact: low2.
Qed.

Variable n : nat.
Hypothesis room : (n.*2 <= N.+1)%N.
Hypothesis capped : forall j : 'I_N, (j < n)%N -> (size (q j) <= n)%N.

Let no_wrap (j j' : 'I_N) : (j < n)%N -> (j' < n)%N -> (size (q j' * q j)%R <= N)%N.
Proof.
move=> lt_j lt_j'; apply: leq_trans (size_mul_leq _ _) _; rewrite -ltnS.
apply: leq_trans room; rewrite -addnn.
have n_pos : (0 < n)%N by apply: leq_ltn_trans lt_j.
apply: leq_ltn_trans (_ : (n + n).-1 < n + n)%N; last by rewrite ltn_predL addn_gt0 n_pos.
by rewrite -!subn1 leq_sub2r // leq_add ?capped.
Qed.

(** The sufficient condition. *)
Theorem causal_triangular_basis : causal n (values q) (values q) (values q).
Proof. by apply: causal_three_matrices => // j _; case: (low j). Qed.

(** Every input u_0 ... u_i reaches output i: the filter e_{i-j} carries u_j there. *)
Theorem every_input_reaches (i j j' : 'I_N) :
  (i < n)%N -> (j + j' = i)%N -> tensor (values q) (values q) (values q) i j j' != 0.
Proof.
move=> lt_i sum; rewrite tensorE.
have le_j : (j <= i)%N by rewrite -sum leq_addr.
have le_j' : (j' <= i)%N by rewrite -sum leq_addl.
have -> : \col_l (values q l j' * values q l j) = \col_l (q j' * q j).[w ^+ l].
  by apply/colP => l; rewrite !mxE hornerM.
set x := invmx _ *m _; have e := coordinates (no_wrap (leq_ltn_trans le_j lt_i) (leq_ltn_trans le_j' lt_i)).
have [start coefficient] := trailing_mul (low j') (low j).
have above l : (Q *m x) l 0 != 0 -> (i <= l)%N.
  by rewrite e mxE; apply: contraNT; rewrite -ltnNge => lt; rewrite start // addnC sum.
have := solution_at le_trans (fun _ _ => id) Q_triangular Q_diagonal above.
rewrite e mxE => eq; apply: contraNneq coefficient => zero.
by rewrite addnC sum eq zero mulr0.
Qed.

End Triangular.
End Bases.

Section OrderP.

Variables (F : fieldType) (w : F).

(** Every stage has square blocks. *)
Definition square (rs : radices) : bool := all (fun r => r.1 == r.2) rs.

Lemma square_sizes rs : square rs -> outputs rs = inputs rs.
Proof. by elim: rs => //= -[m n] rest IH /andP [/eqP /= -> /IH ->]; rewrite mulnC. Qed.

(** mindeg f_k = a_k. *)
Fixpoint digits_lead (rs : radices) : polynomials F rs -> Prop :=
  match rs return polynomials F rs -> Prop with
  | (_, n) :: rest => fun f => (forall (a : 'I_n) j, trailing a (f.1 a j)) /\ digits_lead f.2
  | [::] => fun _ => True
  end.

(** Sum over the stages of deg f_k times N / M_k: the degree of q_j. *)
Fixpoint degree (rs : radices) : polynomials F rs -> 'I_(inputs rs) -> nat :=
  match rs return polynomials F rs -> 'I_(inputs rs) -> nat with
  | (_, n) :: rest => fun f j =>
      ((size (f.1 (digits.high j) (digits.low j))).-1 * outputs rest + degree f.2 (digits.low j))%N
  | [::] => fun _ _ => 0%N
  end.

Lemma basis_trailing rs (f : polynomials F rs) (j : 'I_(inputs rs)) :
  square rs -> digits_lead f -> trailing j (basis f j).
Proof.
elim: rs f j => [|[m n] rest IH] f j /=.
  by rewrite ord1; split=> //; rewrite coefC eqxx oner_neq0.
case/andP => _ sq [lead leads]; case: (join_split j) => a [j' ->].
rewrite high_join low_join /= square_sizes //; apply: trailing_mul; last exact: IH.
by apply: trailing_comp => //; apply: leq_ltn_trans (ltn_ord j').
Qed.

Lemma basis_size rs (f : polynomials F rs) j : (size (basis f j) <= (degree f j).+1)%N.
Proof.
elim: rs f j => [|[m n] rest IH] f j /=; first by rewrite size_poly1.
apply: leq_trans (size_mul_leq _ _) _.
have := IH f.2 (digits.low j); have := size_comp_poly_leq (f.1 (digits.high j) (digits.low j)) 'X^(outputs rest).
rewrite size_polyXn /= => le1 le2.
rewrite -subn1; apply: leq_trans (leq_sub2r 1 (leq_add le1 le2)) _.
by rewrite addSn subn1 /= addnS.
Qed.

(** Main theorem. Order p, radices b_0 ... b_{p-1}, N their product, w a primitive N-th root of unity. If mindeg f_k = a_k,
    deg q_j < N for all j and deg q_j < n for j < n, degrees being those of the factors added up, then the Monarch
    matrix of the f_k is invertible and its operator causal; and every u_0 ... u_i reaches output i. *)
Variable rs : radices.
Hypothesis square_blocks : square rs.
Hypothesis primitive : (outputs rs).-primitive_root w.
Variable f : polynomials F rs.
Hypothesis leads : digits_lead f.
Hypothesis no_wrap : forall j, (degree f j < inputs rs)%N.

Let M : 'M[F]_(inputs rs) := castmx (square_sizes square_blocks, erefl) (monarch (evaluated w 1 0 f)).

Let primitive' : (inputs rs).-primitive_root w.
Proof. by rewrite -square_sizes. Qed.

Lemma monarch_values : M = values w (basis f).
Proof.
apply/matrixP => i j; rewrite castmxE /= cast_ord_id polynomials_to_monarch ?mxE //.
exact: prim_expr_order.
Qed.

Let low (j : 'I_(inputs rs)) : trailing j (basis f j).
Proof. exact: basis_trailing. Qed.

Let high j : (size (basis f j) <= inputs rs)%N.
Proof. exact: leq_trans (basis_size f j) (no_wrap j). Qed.

Theorem causal_monarch_invertible : M \in unitmx.
Proof. by rewrite monarch_values; apply: (values_unit primitive' _ high). Qed.

Variable n : nat.
Hypothesis room : (n.*2 <= (inputs rs).+1)%N.
Hypothesis capped : forall j : 'I_(inputs rs), (j < n)%N -> (degree f j < n)%N.

Let capped' (j : 'I_(inputs rs)) : (j < n)%N -> (size (basis f j) <= n)%N.
Proof. by move=> /capped; apply: leq_trans (basis_size f j). Qed.

Theorem causal_monarch : causal n M M M.
Proof. by rewrite monarch_values; apply: causal_triangular_basis. Qed.

Theorem causal_monarch_reaches (i j j' : 'I_(inputs rs)) :
  (i < n)%N -> (j + j' = i)%N -> tensor M M M i j j' != 0.
Proof. by rewrite monarch_values; apply: every_input_reaches. Qed.

End OrderP.

Section Order2.

(** THEORY 4, order 2, N = b0 b1, n = N / 2, b0 even: mindeg l_{a1} = a1, deg l_{a1} <= b1 - 1, mindeg r_j = a0,
    deg r_j <= b0/2 - 1 for j < N/2 and <= b0 - 1 otherwise. Here b0 = 2 h and b1 = b; q_j = l_{a1}(Z) r_j(Z^b). *)
Variables (F : fieldType) (h b : nat) (w : F).
Let N := (h.*2 * b)%N.
Hypothesis primitive : N.-primitive_root w.
Variables (l : 'I_b -> {poly F}) (r : 'I_h.*2 -> 'I_b -> {poly F}).
Hypothesis l_low : forall a1 : 'I_b, trailing a1 (l a1).
Hypothesis l_high : forall a1, (size (l a1) <= b)%N.
Hypothesis r_low : forall (a0 : 'I_h.*2) a1, trailing a0 (r a0 a1).
Hypothesis r_high : forall a0 a1, (size (r a0 a1) <= if (a0 < h)%N then h else h.*2)%N.

Definition q (j : 'I_N) : {poly F} := l (digits.low j) * (r (digits.high j) (digits.low j) \Po 'X^b).

Lemma q_low (j : 'I_N) : trailing j (q j).
Proof.
case: (join_split j) => a0 [a1 ->]; rewrite /q high_join low_join /= addnC.
by apply: trailing_mul => //; apply: trailing_comp => //; apply: leq_ltn_trans (ltn_ord a1).
Qed.

Lemma q_high (j : 'I_N) : (size (q j) <= if (digits.high j < h)%N then h * b else N)%N.
Proof.
case: (join_split j) => a0 [a1 ->]; rewrite /q high_join low_join.
apply: leq_trans (size_mul_leq _ _) _.
have step d : (0 < d)%N -> (size (r a0 a1) <= d)%N -> ((size (l a1) + size (r a0 a1 \Po 'X^b)).-1 <= d * b)%N.
  move=> d_pos le_d; have := size_comp_poly_leq (r a0 a1) 'X^b; rewrite size_polyXn /= => le_comp.
  have le_r : (size (r a0 a1 \Po 'X^b) <= (d.-1 * b).+1)%N.
    by apply: leq_trans le_comp _; rewrite ltnS leq_mul2r -!subn1 leq_sub2r ?orbT.
  rewrite -subn1; apply: leq_trans (leq_sub2r 1 (leq_add (l_high a1) le_r)) _.
  by rewrite addnS subn1 /= -mulSn prednK.
have := r_high a0 a1; have pos := leq_ltn_trans (leq0n _) (ltn_ord a0).
case: ifP => [lt_h|_] le; apply: step => //.
by apply: leq_ltn_trans lt_h.
Qed.

Corollary causal_order2 : causal (h * b) (values w q) (values w q) (values w q).
Proof.
apply: causal_triangular_basis => //.
- exact: q_low.
- move=> j; apply: leq_trans (q_high j) _; case: ifP => // _.
  by rewrite leq_mul2r -addnn leq_addr orbT.
- by rewrite /N -doubleMl leqnSn.
- move=> j lt_j; apply: leq_trans (q_high j) _.
  suff -> : (digits.high j < h)%N by [].
  by rewrite /= ltn_divLR // (leq_ltn_trans _ (low_bound j)).
Qed.

End Order2.

Print Assumptions causal_three_matrices.
Print Assumptions causal_triangular_basis.
Print Assumptions every_input_reaches.
Print Assumptions causal_monarch_invertible.
Print Assumptions causal_monarch.
Print Assumptions causal_monarch_reaches.
Print Assumptions causal_order2.
