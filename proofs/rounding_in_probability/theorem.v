(** Rounding with high probability: the next rounding may depend on all before it, but for its mean, which is zero. Over
    Coq's real numbers and so on their axioms. *)
From Coq Require Import Reals Lra Lia List Bool.
Import ListNotations.
Local Open Scope R_scope.

(** cosh x <= exp (x^2 / 2), by their series. *)

Definition term (x : R) (i : nat) : R := / INR (fact i) * x ^ i.

Lemma exp_series x : infinite_sum (term x) (exp x).
Proof. unfold exp; destruct (exist_exp x) as [l H]; exact H. Qed.

Lemma fact_double k : INR (fact k) * 2 ^ k <= INR (fact (2 * k)).
Proof.
induction k as [|k IH]; [simpl; lra|].
replace (2 * S k)%nat with (S (S (2 * k))) by lia.
rewrite !fact_simpl, !mult_INR, <- tech_pow_Rmult.
assert (0 <= INR k) by apply pos_INR.
assert (0 < INR (fact (2 * k))) by apply INR_fact_lt_0.
rewrite (S_INR k), !S_INR, mult_INR; simpl (INR 2).
apply Rle_trans with ((INR k + 1) * 2 * INR (fact (2 * k))); [nra|].
assert (1 * ((INR k + 1) * 2 * INR (fact (2 * k))) <= (2 * INR k + 1) * ((INR k + 1) * 2 * INR (fact (2 * k))))
  by (apply Rmult_le_compat_r; nra).
nra.
Qed.

Lemma term_even x k : term x (2 * k) + term (- x) (2 * k) <= 2 * term (x ^ 2 / 2) k.
Proof.
unfold term; rewrite !pow_mult; replace ((- x) ^ 2) with (x ^ 2) by ring.
replace ((x ^ 2 / 2) ^ k) with ((x ^ 2) ^ k * / 2 ^ k) by (unfold Rdiv; rewrite Rpow_mult_distr, pow_inv; ring).
assert (0 <= (x ^ 2) ^ k) by (apply pow_le; nra).
assert (0 < INR (fact k) * 2 ^ k) by (apply Rmult_lt_0_compat; [apply INR_fact_lt_0 | apply pow_lt; lra]).
assert (/ INR (fact (2 * k)) <= / (INR (fact k) * 2 ^ k)) by (apply Rinv_le_contravar; [assumption | apply fact_double]).
rewrite Rinv_mult in *; nra.
Qed.

Lemma term_odd x k : term x (S (2 * k)) + term (- x) (S (2 * k)) = 0.
Proof. unfold term; rewrite <- !tech_pow_Rmult, !pow_mult; replace ((- x) ^ 2) with (x ^ 2) by ring; ring. Qed.

Lemma partial_sums x n :
  sum_f_R0 (term x) (S (2 * n)) + sum_f_R0 (term (- x)) (S (2 * n)) <= 2 * sum_f_R0 (term (x ^ 2 / 2)) n.
Proof.
induction n as [|n IH].
  generalize (term_even x 0) (term_odd x 0); simpl; lra.
replace (2 * S n)%nat with (S (S (2 * n))) by lia.
generalize (term_even x (S n)) (term_odd x (S n)); replace (2 * S n)%nat with (S (S (2 * n))) by lia.
rewrite !(tech5 _ (S (S (2 * n)))), !(tech5 _ (S (2 * n))), (tech5 (term (x ^ 2 / 2))); lra.
Qed.

Lemma partial_below x n : 0 <= x -> sum_f_R0 (term x) n <= exp x.
Proof.
intros nonneg; apply sum_incr; [exact (exp_series x)|].
intros k; unfold term; apply Rmult_le_pos; [left; apply Rinv_0_lt_compat, INR_fact_lt_0 | now apply pow_le].
Qed.

Lemma cosh_below x : exp x + exp (- x) <= 2 * exp (x ^ 2 / 2).
Proof.
destruct (Rle_lt_dec (exp x + exp (- x)) (2 * exp (x ^ 2 / 2))) as [|far]; [assumption|exfalso].
set (gap := (exp x + exp (- x) - 2 * exp (x ^ 2 / 2)) / 2); assert (0 < gap) by (unfold gap; lra).
destruct (exp_series x gap) as [n near]; [assumption|].
destruct (exp_series (- x) gap) as [n' near']; [assumption|].
set (k := S (2 * (n + n'))).
specialize (near k); specialize (near' k); unfold R_dist, k in *.
assert (0 <= x ^ 2 / 2) as square by nra.
generalize (partial_sums x (n + n')) (partial_below (x ^ 2 / 2) (n + n') square).
specialize (near ltac:(lia)); specialize (near' ltac:(lia)); apply Rabs_def2 in near, near'; unfold gap in *; lra.
Qed.

(** exp is convex. *)
Lemma exp_tangent x y : exp x * (1 + (y - x)) <= exp y.
Proof.
replace (exp y) with (exp x * exp (y - x)) by (rewrite <- exp_plus; f_equal; ring).
apply Rmult_le_compat_l; [left; apply exp_pos | apply exp_ineq1_le].
Qed.

Lemma exp_le x y : x <= y -> exp x <= exp y.
Proof. intros [less|same]; [left; now apply exp_increasing | rewrite same; lra]. Qed.

Lemma exp_chord s c d : 0 < c -> Rabs d <= c ->
  exp (s * d) <= (c + d) / (2 * c) * exp (s * c) + (c - d) / (2 * c) * exp (- (s * c)).
Proof.
intros positive small; assert (- c <= d <= c) by (revert small; unfold Rabs; destruct (Rcase_abs d); lra).
generalize (exp_tangent (s * d) (s * c)) (exp_tangent (s * d) (- (s * c))); intros above below.
assert (0 <= (c + d) / (2 * c)) by (apply Rle_mult_inv_pos; lra).
assert (0 <= (c - d) / (2 * c)) by (apply Rle_mult_inv_pos; lra).
apply Rle_trans with ((c + d) / (2 * c) * (exp (s * d) * (1 + (s * c - s * d)))
  + (c - d) / (2 * c) * (exp (s * d) * (1 + (- (s * c) - s * d)))).
- right; field; lra.
- apply Rplus_le_compat; now apply Rmult_le_compat_l.
Qed.

(** A law: values with their probabilities, of mean zero, none larger than u. *)

Definition law := list (R * R).

Fixpoint mean (f : R -> R) (l : law) : R :=
  match l with [] => 0 | (p, d) :: l => p * f d + mean f l end.

Definition fair (u : R) (l : law) : Prop :=
  Forall (fun pd => 0 <= fst pd /\ Rabs (snd pd) <= u) l /\ mean (fun _ => 1) l = 1 /\ mean (fun d => d) l = 0.

Lemma mean_le u (f g : R -> R) l : Forall (fun pd => 0 <= fst pd /\ Rabs (snd pd) <= u) l ->
  (forall d, Rabs d <= u -> f d <= g d) -> mean f l <= mean g l.
Proof.
intros all below; induction all as [|[p d] l [nonneg small] _ IH]; simpl in *; [lra|].
apply Rplus_le_compat; [apply Rmult_le_compat_l; auto | assumption].
Qed.

Lemma mean_linear a b (f g : R -> R) l : mean (fun d => a * f d + b * g d) l = a * mean f l + b * mean g l.
Proof. induction l as [|[p d] l IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma mean_exp u s l : 0 < u -> fair u l -> mean (fun d => exp (s * d)) l <= exp ((s * u) ^ 2 / 2).
Proof.
intros positive [all [one zero]].
pose (h := (exp (s * u) + exp (- (s * u))) / 2); pose (k := (exp (s * u) - exp (- (s * u))) / (2 * u)).
apply Rle_trans with (mean (fun d => h * 1 + k * d) l).
- apply (mean_le u); [assumption|]; intros d small.
  apply (Rle_trans _ _ _ (exp_chord s u d positive small)); right; unfold h, k; field; lra.
- rewrite (mean_linear h k (fun _ => 1) (fun d => d)), one, zero.
  generalize (cosh_below (s * u)); unfold h; lra.
Qed.

(** n roundings one after another, the law of each given by those before it; what is expected of a function of all. *)

Section Process.

Variables (u : R) (next : list R -> law).
Hypothesis u_gt0 : 0 < u.

Fixpoint expect (n : nat) (past : list R) (f : list R -> R) : R :=
  match n with O => f past | S n => mean (fun d => expect n (past ++ [d]) f) (next past) end.

Definition indicator (event : list R -> bool) (ds : list R) : R := if event ds then 1 else 0.
Definition probability (n : nat) (event : list R -> bool) : R := expect n [] (indicator event).

Definition small (ds : list R) : Prop := Forall (fun d => Rabs d <= u) ds.

Hypothesis next_fair : forall past, small past -> fair u (next past).

Lemma small_more past d : small past -> Rabs d <= u -> small (past ++ [d]).
Proof. intros; apply Forall_app; split; [assumption | now constructor]. Qed.

Lemma expect_le n past f g : small past ->
  (forall ds, small ds -> length ds = (length past + n)%nat -> f ds <= g ds) -> expect n past f <= expect n past g.
Proof.
revert past; induction n as [|n IH]; intros past bounded below; simpl; [apply below; [assumption | lia]|].
apply (mean_le u); [apply next_fair; assumption|]; intros d smaller; apply IH; [now apply small_more|].
intros ds; rewrite app_length; simpl; intros; apply below; [assumption | lia].
Qed.

Lemma expect_linear n past a b f g :
  expect n past (fun ds => a * f ds + b * g ds) = a * expect n past f + b * expect n past g.
Proof.
revert past; induction n as [|n IH]; intros past; simpl; [reflexivity|].
rewrite <- mean_linear; generalize (next past) as l; intros l.
induction l as [|[p d] l IHl]; simpl; [reflexivity | now rewrite IH, IHl].
Qed.

(** Of the roundings those on a path count: the k-th does if `path k`. *)
Fixpoint walk (path : nat -> bool) (k : nat) (ds : list R) : R :=
  match ds with [] => 0 | d :: ds => (if path k then d else 0) + walk path (S k) ds end.

Fixpoint times (path : nat -> bool) (k : nat) (ds : list R) : R :=
  match ds with [] => 1 | d :: ds => (if path k then 1 + d else 1) * times path (S k) ds end.

Fixpoint steps (path : nat -> bool) (k n : nat) : nat :=
  match n with O => O | S n => ((if path k then 1 else 0) + steps path (S k) n)%nat end.

Lemma walk_more path k ds d : walk path k (ds ++ [d]) = walk path k ds + (if path (k + length ds)%nat then d else 0).
Proof.
revert k; induction ds as [|e ds IH]; intros k; simpl.
  rewrite Nat.add_0_r; ring.
rewrite IH; replace (S k + length ds)%nat with (k + S (length ds))%nat by lia; ring.
Qed.

Lemma expect_exp path s n past : small past ->
  expect n past (fun ds => exp (s * walk path 0 ds))
  <= exp (s * walk path 0 past) * exp (INR (steps path (length past) n) * ((s * u) ^ 2 / 2)).
Proof.
revert past; induction n as [|n IH]; intros past bounded; simpl.
  rewrite Rmult_0_l, exp_0; lra.
set (on := path (length past)).
set (rest := exp (INR (steps path (S (length past)) n) * ((s * u) ^ 2 / 2))).
apply Rle_trans with (mean (fun d => exp (s * walk path 0 past) * rest * exp ((if on then s else 0) * d) + 0 * 1) (next past)).
- apply (mean_le u); [apply next_fair; assumption|]; intros d smaller.
  apply (Rle_trans _ _ _ (IH _ (small_more _ _ bounded smaller))).
  rewrite app_length; simpl (length [d]); replace (length past + 1)%nat with (S (length past)) by lia.
  fold rest; rewrite walk_more; simpl (0 + length past)%nat; fold on.
  replace (s * (walk path 0 past + (if on then d else 0))) with (s * walk path 0 past + (if on then s else 0) * d)
    by (destruct on; ring).
  rewrite exp_plus; right; ring.
- rewrite (mean_linear _ 0 _ (fun _ => 1)), Rmult_0_l, Rplus_0_r.
  rewrite plus_INR, Rmult_plus_distr_r, exp_plus; fold rest.
  rewrite Rmult_assoc; apply Rmult_le_compat_l; [left; apply exp_pos|].
  rewrite Rmult_comm; apply Rmult_le_compat_r; [left; apply exp_pos|].
  apply (Rle_trans _ _ _ (mean_exp u _ _ u_gt0 (next_fair _ bounded))).
  right; f_equal; destruct on; simpl; field.
Qed.

(** Azuma's inequality, for a path of at most m of n roundings: a function that is at least 1 where the walk is long. *)

Variables (m : nat) (c : R).
Hypothesis m_gt0 : (0 < m)%nat.
Hypothesis c_ge0 : 0 <= c.

Definition far : R := c * (sqrt (INR m) * u).
Definition rate : R := c / (sqrt (INR m) * u).
Definition long (path : nat -> bool) (ds : list R) : R :=
  exp (- (rate * far)) * exp (rate * walk path 0 ds) + exp (- (rate * far)) * exp (- rate * walk path 0 ds).

Lemma scale_gt0 : 0 < sqrt (INR m) * u.
Proof. apply Rmult_lt_0_compat; [apply sqrt_lt_R0; now apply lt_0_INR | assumption]. Qed.

Lemma rate_far : rate * far = c ^ 2.
Proof. generalize scale_gt0; intros; unfold rate, far; field; split; intros E; rewrite E in *; lra. Qed.

Lemma rate_square : INR m * ((rate * u) ^ 2 / 2) = c ^ 2 / 2.
Proof.
assert (0 < sqrt (INR m)) by (apply sqrt_lt_R0; now apply lt_0_INR).
unfold rate; rewrite <- (sqrt_sqrt (INR m)) at 1 by apply pos_INR; field; lra.
Qed.

Lemma rate_ge0 : 0 <= rate.
Proof. apply Rle_mult_inv_pos; [assumption | apply scale_gt0]. Qed.

Lemma long_rare path n : (steps path 0 n <= m)%nat -> expect n [] (long path) <= 2 * exp (- (c ^ 2 / 2)).
Proof.
intros few; unfold long; rewrite expect_linear.
assert (one_side : forall s, s ^ 2 = rate ^ 2 ->
  expect n [] (fun ds => exp (s * walk path 0 ds)) <= exp (c ^ 2 / 2)).
- intros s same; apply (Rle_trans _ _ _ (expect_exp path s n [] (Forall_nil _))); simpl walk; simpl length.
  rewrite Rmult_0_r, exp_0, Rmult_1_l, <- rate_square.
  replace ((s * u) ^ 2) with ((rate * u) ^ 2) by (rewrite !Rpow_mult_distr, same; reflexivity).
  apply exp_le; apply Rmult_le_compat_r; [nra | now apply le_INR].
- replace (2 * exp (- (c ^ 2 / 2)))
    with (exp (- (rate * far)) * exp (c ^ 2 / 2) + exp (- (rate * far)) * exp (c ^ 2 / 2)).
  + apply Rplus_le_compat; (apply Rmult_le_compat_l; [left; apply exp_pos | apply one_side; ring]).
  + rewrite <- exp_plus, rate_far; replace (- c ^ 2 + c ^ 2 / 2) with (- (c ^ 2 / 2)) by field; ring.
Qed.

Lemma long_where path ds : far <= Rabs (walk path 0 ds) -> 1 <= long path ds.
Proof.
intros away; generalize rate_ge0; intros; unfold long; rewrite <- !exp_plus.
assert (side : exp 0 <= exp (- (rate * far) + rate * Rabs (walk path 0 ds))) by (apply exp_le; nra).
rewrite exp_0 in side; revert side away; unfold Rabs; destruct (Rcase_abs (walk path 0 ds)).
- replace (rate * - walk path 0 ds) with (- rate * walk path 0 ds) by ring.
  generalize (exp_pos (- (rate * far) + rate * walk path 0 ds)); lra.
- generalize (exp_pos (- (rate * far) + - rate * walk path 0 ds)); lra.
Qed.

(** From the walk to the product of the 1 + d on the path. *)

Hypothesis u_lt1 : u < 1.

Lemma one_factor d : Rabs d <= u -> exp (d - u ^ 2 / (1 - u)) <= 1 + d <= exp d.
Proof.
intros smaller; assert (- u <= d <= u) by (revert smaller; unfold Rabs; destruct (Rcase_abs d); lra).
split; [|apply exp_ineq1_le].
assert (d / (1 + d) >= d - u ^ 2 / (1 - u)).
- replace (d / (1 + d)) with (d - d ^ 2 / (1 + d)) by (field; lra).
  apply Rle_ge; apply Rplus_le_compat_l, Ropp_le_contravar.
  apply Rmult_le_compat; [nra | left; apply Rinv_0_lt_compat; lra | nra | apply Rinv_le_contravar; lra].
- apply Rle_trans with (exp (d / (1 + d))); [apply exp_le; lra|].
  rewrite <- (Rinv_inv (exp (d / (1 + d)))), <- exp_Ropp.
  rewrite <- (Rinv_inv (1 + d)) at 2; apply Rinv_le_contravar; [apply Rinv_0_lt_compat; lra|].
  replace (/ (1 + d)) with (1 + - (d / (1 + d))) by (field; lra); apply exp_ineq1_le.
Qed.

Lemma times_bounds path k ds : small ds ->
  exp (walk path k ds - INR (steps path k (length ds)) * (u ^ 2 / (1 - u))) <= times path k ds <= exp (walk path k ds).
Proof.
intros all; revert k; induction all as [|d ds smaller _ IH]; intros k; cbn [walk times steps length].
  rewrite Rmult_0_l, Rminus_0_r, exp_0; lra.
specialize (IH (S k)); destruct (path k).
- generalize (one_factor d smaller); intros [low high]; split.
  + replace (d + walk path (S k) ds - INR (1 + steps path (S k) (length ds)) * (u ^ 2 / (1 - u)))
      with ((d - u ^ 2 / (1 - u)) + (walk path (S k) ds - INR (steps path (S k) (length ds)) * (u ^ 2 / (1 - u))))
      by (rewrite plus_INR; simpl (INR 1); ring).
    rewrite exp_plus; apply Rmult_le_compat; try (left; apply exp_pos); tauto.
  + rewrite exp_plus; apply Rmult_le_compat; try tauto; [left; apply Rlt_le_trans with (2 := low); apply exp_pos|].
    left; apply Rlt_le_trans with (2 := proj1 IH); apply exp_pos.
- rewrite Rplus_0_l, Rmult_1_l; simpl plus; exact IH.
Qed.

(** What m roundings on a path come to, but for a probability of 2 exp (- c^2 / 2). *)
Definition growth : R := exp (far + INR m * (u ^ 2 / (1 - u))) - 1.

Lemma product_small path ds : small ds -> (steps path 0 (length ds) <= m)%nat ->
  growth < Rabs (times path 0 ds - 1) -> 1 <= long path ds.
Proof.
intros all few off; apply long_where.
destruct (times_bounds path 0 ds all) as [low high].
assert (0 <= u ^ 2 / (1 - u)) by (apply Rle_mult_inv_pos; nra).
assert (0 <= INR m * (u ^ 2 / (1 - u))) by (apply Rmult_le_pos; [apply pos_INR | assumption]).
assert (INR (steps path 0 (length ds)) * (u ^ 2 / (1 - u)) <= INR m * (u ^ 2 / (1 - u)))
  by (apply Rmult_le_compat_r; [assumption | now apply le_INR]).
unfold growth in off; set (B := far + INR m * (u ^ 2 / (1 - u))) in *.
destruct (Rle_lt_dec far (Rabs (walk path 0 ds))) as [|near]; [assumption|exfalso].
apply Rabs_def2 in near.
assert (times path 0 ds <= exp B) by (apply Rle_trans with (1 := high), exp_le; unfold B; lra).
assert (exp (- B) <= times path 0 ds) by (apply Rle_trans with (2 := low), exp_le; unfold B; lra).
assert (2 <= exp B + exp (- B)).
- generalize (exp_ineq1_le B) (exp_ineq1_le (- B)); lra.
- revert off; unfold Rabs; destruct (Rcase_abs (times path 0 ds - 1)); lra.
Qed.

Theorem product_of_roundings path n : (steps path 0 n <= m)%nat ->
  probability n (fun ds => if Rlt_dec growth (Rabs (times path 0 ds - 1)) then true else false) <= 2 * exp (- (c ^ 2 / 2)).
Proof.
intros few; apply Rle_trans with (2 := long_rare path n few); apply expect_le; [constructor|].
intros ds all size; unfold indicator; simpl in size; destruct (Rlt_dec _ _) as [off|].
- apply product_small; [assumption | now rewrite size | assumption].
- unfold long; left; apply Rplus_lt_0_compat; apply Rmult_lt_0_compat; apply exp_pos.
Qed.

(** A sum of terms, each with the roundings on its own path. *)

Fixpoint exact (terms : list (R * (nat -> bool))) : R :=
  match terms with [] => 0 | (x, _) :: terms => x + exact terms end.
Fixpoint modulus (terms : list (R * (nat -> bool))) : R :=
  match terms with [] => 0 | (x, _) :: terms => Rabs x + modulus terms end.
Fixpoint rounded (terms : list (R * (nat -> bool))) (ds : list R) : R :=
  match terms with [] => 0 | (x, path) :: terms => x * times path 0 ds + rounded terms ds end.
Fixpoint some_long (terms : list (R * (nat -> bool))) (ds : list R) : R :=
  match terms with [] => 0 | (_, path) :: terms => 1 * long path ds + 1 * some_long terms ds end.

Lemma some_long_ge0 terms ds : 0 <= some_long terms ds.
Proof.
induction terms as [|[x path] terms IH]; simpl; [lra|].
assert (0 < long path ds) by (unfold long; apply Rplus_lt_0_compat; apply Rmult_lt_0_compat; apply exp_pos); lra.
Qed.

Lemma sum_small terms ds : small ds -> Forall (fun t => (steps (snd t) 0 (length ds) <= m)%nat) terms ->
  some_long terms ds < 1 -> Rabs (rounded terms ds - exact terms) <= growth * modulus terms.
Proof.
intros all few; induction few as [|[x path] terms one _ IH]; simpl in *; intros rare.
  rewrite Rminus_0_r, Rabs_R0; lra.
generalize (some_long_ge0 terms ds); intros.
assert (0 < long path ds) by (unfold long; apply Rplus_lt_0_compat; apply Rmult_lt_0_compat; apply exp_pos).
specialize (IH ltac:(lra)).
assert (Rabs (times path 0 ds - 1) <= growth).
- destruct (Rle_lt_dec (Rabs (times path 0 ds - 1)) growth) as [|off]; [assumption|].
  generalize (product_small path ds all one off); lra.
- replace (x * times path 0 ds + rounded terms ds - (x + exact terms))
    with (x * (times path 0 ds - 1) + (rounded terms ds - exact terms)) by ring.
  apply (Rle_trans _ _ _ (Rabs_triang _ _)); rewrite Rabs_mult.
  generalize (Rmult_le_compat_l (Rabs x) _ _ (Rabs_pos x) ltac:(eassumption)); lra.
Qed.

Lemma some_long_rare terms n : Forall (fun t => (steps (snd t) 0 n <= m)%nat) terms ->
  expect n [] (some_long terms) <= INR (length terms) * (2 * exp (- (c ^ 2 / 2))).
Proof.
intros few; induction few as [|[x path] terms one _ IH]; simpl some_long.
- apply Rle_trans with (expect n [] (fun ds => 0 * 0 + 0 * 0)).
  + apply expect_le; [constructor | intros; lra].
  + rewrite expect_linear; simpl; lra.
- rewrite expect_linear, !Rmult_1_l; simpl length; rewrite S_INR.
  generalize (long_rare path n one); lra.
Qed.

Theorem sum_of_products terms n : Forall (fun t => (steps (snd t) 0 n <= m)%nat) terms ->
  probability n (fun ds => if Rlt_dec (growth * modulus terms) (Rabs (rounded terms ds - exact terms)) then true else false)
  <= INR (length terms) * (2 * exp (- (c ^ 2 / 2))).
Proof.
intros few; apply Rle_trans with (2 := some_long_rare terms n few); apply expect_le; [constructor|].
intros ds all size; simpl in size; unfold indicator; destruct (Rlt_dec _ _) as [off|].
- destruct (Rlt_le_dec (some_long terms ds) 1) as [rare|]; [exfalso|assumption].
  rewrite <- size in few; generalize (sum_small terms ds all few rare); lra.
- apply some_long_ge0.
Qed.

(** An inner product, its products added up in any order: every product and every sum is rounded once. *)

Inductive summation : Type := Product (x : R) | Plus (l r : summation).

Fixpoint leaves (s : summation) : nat := match s with Product _ => 1 | Plus l r => leaves l + leaves r end.
Fixpoint roundings (s : summation) : nat := match s with Product _ => 1 | Plus l r => roundings l + roundings r + 1 end.
Fixpoint height (s : summation) : nat := match s with Product _ => 1 | Plus l r => 1 + Nat.max (height l) (height r) end.
Fixpoint value (s : summation) : R := match s with Product x => x | Plus l r => value l + value r end.
Fixpoint moduli (s : summation) : R := match s with Product x => Rabs x | Plus l r => moduli l + moduli r end.

(** Its roundings are numbered from k on: those of the left sum, those of the right one, its own. *)
Fixpoint computed (s : summation) (k : nat) (ds : list R) : R :=
  match s with
  | Product x => x * (1 + nth k ds 0)
  | Plus l r => (computed l k ds + computed r (k + roundings l) ds) * (1 + nth (k + roundings l + roundings r) ds 0)
  end.

Definition also (j : nat) (t : R * (nat -> bool)) : R * (nat -> bool) := (fst t, fun i => snd t i || (i =? j)%nat).

Fixpoint terms (s : summation) (k : nat) : list (R * (nat -> bool)) :=
  match s with
  | Product x => [also k (x, fun _ => false)]
  | Plus l r => map (also (k + roundings l + roundings r)) (terms l k ++ terms r (k + roundings l))
  end.

Lemma terms_inside s k t i : In t (terms s k) -> snd t i = true -> (k <= i < k + roundings s)%nat.
Proof.
revert k t i; induction s as [x|l IHl r IHr]; intros k t i; cbn [terms roundings].
- intros [<-|[]]; simpl; intros E; apply Nat.eqb_eq in E; lia.
- rewrite in_map_iff; intros [t' [<- there]] E; simpl in E; apply orb_true_iff in E.
  apply in_app_iff in there; destruct E as [E|E]; [|apply Nat.eqb_eq in E; lia].
  destruct there as [there|there]; [specialize (IHl _ _ _ there E) | specialize (IHr _ _ _ there E)]; lia.
Qed.

Lemma times_same path path' k ds : (forall i, (k <= i)%nat -> path i = path' i) -> times path k ds = times path' k ds.
Proof.
revert k; induction ds as [|d ds IH]; intros k same; simpl; [reflexivity|].
rewrite (same k), (IH (S k)); [reflexivity | intros; apply same; lia | lia].
Qed.

Lemma times_also path j k ds : path (k + j)%nat = false -> (j < length ds)%nat ->
  times (fun i => path i || (i =? k + j)%nat) k ds = times path k ds * (1 + nth j ds 0).
Proof.
revert j k; induction ds as [|d ds IH]; intros j k off inside; simpl in inside; [lia|]; destruct j as [|j].
- rewrite Nat.add_0_r in *; simpl; rewrite off, Nat.eqb_refl; simpl.
  rewrite (times_same _ path); [ring|]; intros i later; rewrite (proj2 (Nat.eqb_neq i k)) by lia; apply orb_false_r.
- simpl; rewrite (proj2 (Nat.eqb_neq k (k + S j))) by lia; rewrite orb_false_r.
  replace (k + S j)%nat with (S k + j)%nat in * by lia; rewrite (IH j (S k)); [ring | assumption | lia].
Qed.

Lemma rounded_also j ts ds : (j < length ds)%nat -> (forall t, In t ts -> snd t j = false) ->
  rounded (map (also j) ts) ds = rounded ts ds * (1 + nth j ds 0).
Proof.
intros inside; induction ts as [|[x path] ts IH]; intros off; simpl; [ring|].
rewrite IH by (intros; apply off; now right); rewrite (times_also path j 0); [ring| |assumption].
exact (off (x, path) (or_introl eq_refl)).
Qed.

Lemma rounded_app ts ts' ds : rounded (ts ++ ts') ds = rounded ts ds + rounded ts' ds.
Proof. induction ts as [|[x path] ts IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma computed_terms s k ds : (k + roundings s <= length ds)%nat -> computed s k ds = rounded (terms s k) ds.
Proof.
revert k; induction s as [x|l IHl r IHr]; intros k inside; cbn [terms roundings computed] in *.
- change [also k (x, fun _ => false)] with (map (also k) [(x, fun _ : nat => false)]).
  rewrite rounded_also; [|lia|intros t [<-|[]]; reflexivity].
  simpl; replace (times (fun _ => false) 0 ds) with 1; [ring|].
  generalize 0%nat; induction ds as [|d ds IH] in inside |- *; intros j; simpl; [reflexivity|].
  clear inside; rewrite Rmult_1_l; generalize (S j); clear; induction ds as [|d ds IH]; intros j; simpl; [reflexivity|].
  rewrite Rmult_1_l; apply IH.
- rewrite rounded_also, rounded_app, <- IHl, <- IHr; [reflexivity | lia | lia | lia |].
  intros t there; destruct (snd t (k + roundings l + roundings r)%nat) eqn:E; [exfalso|reflexivity].
  apply in_app_iff in there; destruct there as [there|there]; generalize (terms_inside _ _ _ _ there E); lia.
Qed.

Lemma exact_terms s k : exact (terms s k) = value s /\ modulus (terms s k) = moduli s /\ length (terms s k) = leaves s.
Proof.
assert (also_same : forall j ts, exact (map (also j) ts) = exact ts /\ modulus (map (also j) ts) = modulus ts).
  intros j; induction ts as [|[x path] ts [IH IH']]; simpl; [tauto | rewrite IH, IH'; tauto].
assert (app_same : forall ts ts', exact (ts ++ ts') = exact ts + exact ts' /\ modulus (ts ++ ts') = modulus ts + modulus ts').
  intros ts ts'; induction ts as [|[x path] ts [IH IH']]; simpl; [split; ring | rewrite IH, IH'; split; ring].
revert k; induction s as [x|l IHl r IHr]; intros k; cbn [terms value moduli leaves]; [simpl; repeat split; ring|].
destruct (also_same (k + roundings l + roundings r)%nat (terms l k ++ terms r (k + roundings l))) as [-> ->].
destruct (app_same (terms l k) (terms r (k + roundings l))) as [-> ->].
rewrite map_length, app_length; destruct (IHl k) as [-> [-> ->]], (IHr (k + roundings l)%nat) as [-> [-> ->]]; tauto.
Qed.

Lemma steps_also path j k n : (steps (fun i => path i || (i =? j)%nat) k n <= steps path k n + (if j <? k then 0 else 1))%nat.
Proof.
revert k; induction n as [|n IH]; intros k; simpl; [lia|]; specialize (IH (S k)).
destruct (Nat.ltb_spec j (S k)), (Nat.ltb_spec j k), (Nat.eqb_spec k j), (path k); simpl in *; lia.
Qed.

Lemma terms_short s k n : Forall (fun t => (steps (snd t) 0 n <= height s)%nat) (terms s k).
Proof.
assert (none : forall j, steps (fun _ => false) j n = 0%nat) by (induction n as [|n IH]; intros j; simpl; auto).
revert k; induction s as [x|l IHl r IHr]; intros k; cbn [terms height].
- constructor; [|constructor]; simpl.
  apply (Nat.le_trans _ _ _ (steps_also (fun _ => false) k 0 n)); rewrite none; destruct (k <? 0); lia.
- rewrite Forall_map, Forall_app; split; [generalize (IHl k) | generalize (IHr (k + roundings l)%nat)];
    apply Forall_impl; intros [x path] short; simpl in *;
    apply (Nat.le_trans _ _ _ (steps_also path _ 0 n)); simpl; lia.
Qed.

Lemma height_leaves s : (height s <= leaves s)%nat.
Proof.
induction s as [x|l IHl r IHr]; simpl; [lia|].
assert (forall t, (1 <= leaves t)%nat) as some by (induction t as [|t IHt t' IHt']; simpl; lia).
generalize (some l) (some r); lia.
Qed.

Theorem inner_product s n : (height s <= m)%nat -> (roundings s <= n)%nat ->
  probability n (fun ds => if Rlt_dec (growth * moduli s) (Rabs (computed s 0 ds - value s)) then true else false)
  <= INR (leaves s) * (2 * exp (- (c ^ 2 / 2))).
Proof.
intros low fits; destruct (exact_terms s 0) as [<- [<- <-]].
apply Rle_trans with (2 := sum_of_products (terms s 0) n (Forall_impl _ (fun t short => Nat.le_trans _ _ _ short low) (terms_short s 0 n))).
apply expect_le; [constructor|]; intros ds _ size; simpl in size; unfold indicator.
rewrite computed_terms by lia; lra.
Qed.

(** In any order of summation, of a product of n terms. *)
Corollary inner_product_any_order s n : (leaves s <= m)%nat -> (roundings s <= n)%nat ->
  probability n (fun ds => if Rlt_dec (growth * moduli s) (Rabs (computed s 0 ds - value s)) then true else false)
  <= INR (leaves s) * (2 * exp (- (c ^ 2 / 2))).
Proof. intros few; apply inner_product; apply Nat.le_trans with (2 := few); apply height_leaves. Qed.

End Process.

Print Assumptions product_of_roundings.
Print Assumptions sum_of_products.
Print Assumptions inner_product.
Print Assumptions inner_product_any_order.
