(** M0^-1 (M1 k . M2 u) multiplies polynomials: modulo Z^N - 1 in the univariate view, modulo (X^m1 - 1, Y^m0 - 1) in
    the bivariate one, modulo all X_l^m_l - 1 in p variables. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly polydiv mxalgebra.
From SsrMultinomials Require Import mpoly.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.points foundations.operator.
From MonarchProofs Require Import foundations.grid.
From MonarchProofs Require Import multivariate_evaluation.theorem univariate_view.theorem.
From MonarchProofs Require Import interpolation.theorem causality_sufficient.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Univariate.

Variables (F : fieldType) (N : nat) (w : F) (q0 q1 q2 : 'I_N -> {poly F}).
Hypothesis primitive : N.-primitive_root w.
Hypothesis invertible : values w q0 \in unitmx.

Definition combination (q : 'I_N -> {poly F}) (u : 'cV[F]_N) : {poly F} := \sum_j u j 0 *: q j.

(** Polynomials are equal modulo Z^N - 1 exactly when their values at the roots agree. *)
Lemma equal_modulo (p p' : {poly F}) :
  p %% ('X^N - 1) = p' %% ('X^N - 1) <-> forall i : 'I_N, p.[w ^+ i] = p'.[w ^+ i].
Proof.
have one : w ^+ N = 1 by apply: prim_expr_order.
have monic : 'X^N - 1 != 0 :> {poly F} by rewrite -size_poly_eq0 size_Xn_sub_1 // (prim_order_gt0 primitive).
have small (r : {poly F}) : (size (r %% ('X^N - 1))%R <= N)%N.
  by rewrite -ltnS -(size_Xn_sub_1 F (prim_order_gt0 primitive)) ltn_modp.
split=> [eq i|same]; first by rewrite -(modulo_same_values p i one) eq modulo_same_values.
apply: (same_at_points (powers_distinct primitive)) => // i.
by rewrite !modulo_same_values.
Qed.

(** Main theorem, univariate: the output u' is the one with sum u'_j q0_j = (sum k_j q1_j) (sum u_j q2_j) mod Z^N - 1. *)
Theorem product_modulo k u u' :
  combination q0 u' %% ('X^N - 1) = (combination q1 k * combination q2 u) %% ('X^N - 1)
  <-> u' = operator (values w q0) (values w q1) (values w q2) k u.
Proof.
have columns (q : 'I_N -> {poly F}) : forall i j, values w q i j = (q j).[w ^+ i] by move=> i j; rewrite mxE.
rewrite equal_modulo; rewrite /operator -(interpolation (columns q0) _ _ invertible).
by split=> same i; have := same i; rewrite hornerM mxE !(evaluation (columns _)).
Qed.

End Univariate.

Section Bivariate.

Variables (F : fieldType) (m0 m1 : nat) (w0 w1 : F).
Hypothesis primitive0 : m0.-primitive_root w0.
Hypothesis primitive1 : m1.-primitive_root w1.

Local Notation value := (at_point (fun t : 'I_m1 => w1 ^+ t) (fun s : 'I_m0 => w0 ^+ s)).

Let modulus_X : {poly {poly F}} := 'X^m1 - 1.
Let modulus_Y : {poly F} := 'X^m0 - 1.

(** Remainder modulo X^m1 - 1, then every coefficient modulo Y^m0 - 1. *)
Definition remainder (p : {poly {poly F}}) : {poly {poly F}} :=
  \poly_(k < m1) ((Pdiv.CommonRing.rmodp p modulus_X)`_k %% modulus_Y).

Definition quotient_Y (p : {poly {poly F}}) : {poly {poly F}} :=
  \poly_(k < m1) ((Pdiv.CommonRing.rmodp p modulus_X)`_k %/ modulus_Y).

Let size_X : size modulus_X = m1.+1.
Proof. by rewrite size_Xn_sub_1 // (prim_order_gt0 primitive1). Qed.

Let size_Y : size modulus_Y = m0.+1.
Proof. by rewrite size_Xn_sub_1 // (prim_order_gt0 primitive0). Qed.

Lemma remainder_reduced p : reduced2 m0 m1 (remainder p).
Proof.
split=> [|k]; first exact: size_poly.
rewrite coef_poly; case: ifP => _; last by rewrite size_poly0.
by rewrite -ltnS -size_Y ltn_modp -size_poly_eq0 size_Y.
Qed.

(** p = remainder + multiple of X^m1 - 1 + multiple of Y^m0 - 1. *)
Theorem congruent p :
  p = remainder p + Pdiv.CommonRing.rdivp p modulus_X * modulus_X + quotient_Y p * modulus_Y%:P.
Proof.
have monic : modulus_X \is monic by rewrite monicE lead_coefDl ?lead_coefXn // size_opp size_poly1 size_polyXn ltnS
  (prim_order_gt0 primitive1).
rewrite {1}(Pdiv.RingMonic.rdivp_eq monic p) addrAC [RHS]addrC; congr (_ + _).
apply/polyP => k; rewrite coefD coefMC !coef_poly; case: ltnP => [_|le].
  by rewrite addrC -divp_eq.
rewrite mul0r addr0 nth_default // (leq_trans _ le) // -ltnS -size_X.
by rewrite Pdiv.CommonRing.ltn_rmodpN0 // monic_neq0.
Qed.

Theorem remainder_same_values p t s : value (remainder p) t s = value p t s.
Proof.
have oneX : (w1 ^+ t) ^+ m1 = 1 by rewrite -exprM mulnC exprM (prim_expr_order primitive1) expr1n.
have oneY : (w0 ^+ s) ^+ m0 = 1 by rewrite -exprM mulnC exprM (prim_expr_order primitive0) expr1n.
have zeroX : modulus_X.[(w1 ^+ t)%:P] = 0 by rewrite hornerD hornerN hornerXn -polyC1 hornerC -polyC_exp oneX subrr.
have zeroY : modulus_Y.[w0 ^+ s] = 0 by rewrite hornerD hornerN hornerXn -polyC1 hornerC oneY subrr.
rewrite [in RHS](congruent p) /at_point !hornerD !hornerM hornerC zeroX horner0 mulr0 addr0.
by rewrite zeroY mulr0 addr0.
Qed.

(** Two polynomials have the same remainder exactly when they agree at all pairs of roots. *)
Theorem equal_remainder p p' :
  remainder p = remainder p' <-> forall t s, value p t s = value p' t s.
Proof.
split=> [eq t s|same]; first by rewrite -remainder_same_values eq remainder_same_values.
apply: (grid_unique (powers_distinct primitive1) (powers_distinct primitive0)) => [||t s].
- exact: remainder_reduced.
- exact: remainder_reduced.
- by rewrite !remainder_same_values.
Qed.

(** Main theorem, bivariate: pointwise product of values = product modulo (X^m1 - 1, Y^m0 - 1); and M0^-1 takes values to
    coordinates. *)
Theorem product_modulo2 (n0 n1 : nat) (sizes : (n0 * n1 = m1 * m0)%N)
    (M0 M1 M2 : 'M[F]_(n0 * n1)) (q0 q1 q2 : 'I_(n0 * n1) -> {poly {poly F}}) (k u u' : 'cV[F]_(n0 * n1)) :
  (forall t s j, M0 (cast_ord (esym sizes) (join t s)) j = value (q0 j) t s) ->
  (forall t s j, M1 (cast_ord (esym sizes) (join t s)) j = value (q1 j) t s) ->
  (forall t s j, M2 (cast_ord (esym sizes) (join t s)) j = value (q2 j) t s) ->
  M0 \in unitmx ->
  remainder (\sum_j (u' j 0)%:P *: q0 j)
  = remainder ((\sum_j (k j 0)%:P *: q1 j) * (\sum_j (u j 0)%:P *: q2 j))
  <-> u' = operator M0 M1 M2 k u.
Proof.
move=> e0 e1 e2 unit.
have evaluates (M : 'M[F]_(n0 * n1)) q (v : 'cV[F]_(n0 * n1)) t s :
    (forall t s j, M (cast_ord (esym sizes) (join t s)) j = value (q j) t s) ->
    (M *m v) (cast_ord (esym sizes) (join t s)) 0 = value (\sum_j (v j 0)%:P *: q j) t s.
  move=> e; rewrite mxE /at_point !horner_sum; apply: eq_bigr => j _.
  by rewrite hornerZ hornerM hornerC e mulrC.
rewrite equal_remainder; split=> [same|-> t s].
  apply: (can_inj (mulKmx unit)); rewrite mulKVmx //; apply/colP => i.
  rewrite -[i](cast_ordK sizes) /=; case: (join_split (cast_ord sizes i)) => t [s ->].
  by rewrite (evaluates _ _ _ t s e0) same mxE (evaluates _ _ _ t s e1) (evaluates _ _ _ t s e2) /at_point !hornerM.
rewrite -(evaluates _ _ _ t s e0) mulKVmx // mxE (evaluates _ _ _ t s e1) (evaluates _ _ _ t s e2).
by rewrite /at_point !hornerM.
Qed.

End Bivariate.

Section Multivariate.

Variables (F : fieldType) (rs : radices) (w : nat -> F).
Local Notation p := (size rs).
Local Notation N := (outputs rs).
Hypothesis primitive : forall l, (l < p)%N -> (radix rs l).-primitive_root (w l).

Let x l c : F := w l ^+ c.
Local Notation at_index i := (@point F rs x i).

Let distinct l : (l < p)%N -> injective (fun c : 'I_(radix rs l) => x l c).
Proof. by move=> lt; apply: powers_distinct; apply: primitive. Qed.

Definition modulus (l : 'I_p) : {mpoly F[p]} := 'X_l ^+ radix rs l - 1.

(** The difference lies in the ideal of the X_l^m_l - 1. *)
Definition congruent_p (q q' : {mpoly F[p]}) : Prop :=
  exists h : 'I_p -> {mpoly F[p]}, q - q' = \sum_l h l * modulus l.

Lemma congruent_refl q : congruent_p q q.
Proof. by exists (fun _ => 0); rewrite subrr big1 // => l _; rewrite mul0r. Qed.

Lemma congruent_sym q q' : congruent_p q q' -> congruent_p q' q.
Proof.
move=> [h e]; exists (fun l => - h l); rewrite -opprB e -sumrN.
by apply: eq_bigr => l _; rewrite mulNr.
Qed.

Lemma congruent_add q q' r r' : congruent_p q q' -> congruent_p r r' -> congruent_p (q + r) (q' + r').
Proof.
move=> [h e] [h' e']; exists (fun l => h l + h' l); rewrite opprD addrACA e e' -big_split.
by apply: eq_bigr => l _; rewrite mulrDl.
Qed.

Lemma congruent_trans q q' q'' : congruent_p q q' -> congruent_p q' q'' -> congruent_p q q''.
Proof.
move=> [h e] [h' e']; exists (fun l => h l + h' l); rewrite -(subrK q' q) -addrA e e' -big_split.
by apply: eq_bigr => l _; rewrite mulrDl.
Qed.

Lemma congruent_mul q q' r r' : congruent_p q q' -> congruent_p r r' -> congruent_p (q * r) (q' * r').
Proof.
move=> [h e] [h' e']; exists (fun l => h l * r + q' * h' l).
have -> : q * r - q' * r' = (q - q') * r + q' * (r - r') by rewrite mulrBl mulrBr addrA subrK.
rewrite e e' mulr_suml mulr_sumr -big_split; apply: eq_bigr => l _.
by rewrite mulrDl mulrAC mulrA.
Qed.

Lemma congruent_exp q q' k : congruent_p q q' -> congruent_p (q ^+ k) (q' ^+ k).
Proof. by move=> e; elim: k => [|k IH]; [apply: congruent_refl | rewrite !exprS; apply: congruent_mul]. Qed.

Lemma congruent_power (l : 'I_p) k : congruent_p ('X_l ^+ k) ('X_l ^+ (k %% radix rs l)).
Proof.
rewrite {1}(divn_eq k (radix rs l)) exprD mulnC exprM -[X in congruent_p _ X]mul1r.
apply: congruent_mul; last exact: congruent_refl.
rewrite -[X in congruent_p _ X](expr1n _ (k %/ radix rs l)); apply: congruent_exp.
exists (fun l' => (l' == l)%:R); rewrite (bigD1 l) //= eqxx mul1r big1 ?addr0 // => l' /negbTE ->.
by rewrite mul0r.
Qed.

(** Exponents modulo m_l. *)
Definition wrapped (m : 'X_{1.. p}) : 'X_{1.. p} := [multinom (m l %% radix rs l)%N | l < p].

Lemma congruent_monomial (m : 'X_{1.. p}) : congruent_p 'X_[m] 'X_[wrapped m].
Proof.
rewrite !mpolyXE_id; elim/big_ind2: _ => [|q q' r r'|l _]; first exact: congruent_refl.
  exact: congruent_mul.
by rewrite mnmE; apply: congruent_power.
Qed.

Lemma congruent_sum (T : Type) (r : seq T) (q q' : T -> {mpoly F[p]}) :
  (forall t, congruent_p (q t) (q' t)) -> congruent_p (\sum_(t <- r) q t) (\sum_(t <- r) q' t).
Proof.
move=> each; elim/big_ind2: _ => [|a a' b b'|t _]; [exact: congruent_refl | exact: congruent_add | exact: each].
Qed.

(** Every polynomial is congruent to one of degree below m_l in each X_l. *)
Theorem congruent_reduced q : exists2 q', reduced_mpoly q' & congruent_p q q'.
Proof.
exists (\sum_(m <- msupp q) q@_m *: 'X_[wrapped m]).
  move=> m /msupp_sum_le /flattenP [s /mapP [m' _ ->]] /msuppZ_le.
  rewrite msuppX inE => /eqP -> l; rewrite mnmE ltn_mod.
  exact: prim_order_gt0 (primitive (ltn_ord l)).
rewrite {1}(mpolyE q); apply: congruent_sum => m; rewrite -!mul_mpolyC.
by apply: congruent_mul; [apply: congruent_refl | apply: congruent_monomial].
Qed.

Lemma congruent_values q q' i : congruent_p q q' -> q.@[at_index i] = q'.@[at_index i].
Proof.
move=> [h e]; apply/eqP; rewrite -subr_eq0 -mevalB e raddf_sum; apply/eqP; apply: big1 => l _.
rewrite /= mevalM /modulus mevalB meval1 rmorphX /= mevalXU.
by rewrite -exprM mulnC exprM (prim_expr_order (primitive (ltn_ord l))) expr1n subrr mulr0.
Qed.

(** Congruent exactly when the values at all tuples of roots agree. *)
Theorem congruent_p_values q q' : congruent_p q q' <-> forall i : 'I_N, q.@[at_index i] = q'.@[at_index i].
Proof.
split=> [same i|same]; first exact: congruent_values.
have [r red e] := congruent_reduced q; have [r' red' e'] := congruent_reduced q'.
suff eq : r = r' by apply: congruent_trans e (congruent_sym _); rewrite eq.
by apply: (reduced_unique distinct) => // i; rewrite -(congruent_values i e) -(congruent_values i e').
Qed.

(** Main theorem, p variables. *)
Theorem product_modulo_p (q0 q1 q2 : 'I_N -> {mpoly F[p]}) (M0 M1 M2 : 'M[F]_N) (k u u' : 'cV[F]_N) :
  (forall i j, M0 i j = (q0 j).@[at_index i]) ->
  (forall i j, M1 i j = (q1 j).@[at_index i]) ->
  (forall i j, M2 i j = (q2 j).@[at_index i]) ->
  M0 \in unitmx ->
  congruent_p (\sum_j u' j 0 *: q0 j) ((\sum_j k j 0 *: q1 j) * (\sum_j u j 0 *: q2 j))
  <-> u' = operator M0 M1 M2 k u.
Proof.
move=> e0 e1 e2 unit; rewrite congruent_p_values; split=> [same|-> i].
  apply: (can_inj (mulKmx unit)); rewrite mulKVmx //; apply/colP => i.
  by rewrite (monarch_evaluates_p _ _ e0) same mxE (monarch_evaluates_p _ _ e1) (monarch_evaluates_p _ _ e2) mevalM.
by rewrite -(monarch_evaluates_p _ _ e0) mulKVmx // mxE mevalM (monarch_evaluates_p _ _ e1) (monarch_evaluates_p _ _ e2).
Qed.

End Multivariate.

Print Assumptions product_modulo.
Print Assumptions congruent.
Print Assumptions remainder_same_values.
Print Assumptions equal_remainder.
Print Assumptions product_modulo2.
Print Assumptions congruent_reduced.
Print Assumptions congruent_p_values.
Print Assumptions product_modulo_p.
