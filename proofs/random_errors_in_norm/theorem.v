(** Random errors in the 2-norm: vectors times roundings of mean zero, added up, each vector given by the roundings before
    its own. Over Coq's real numbers and so on their axioms. *)
From Coq Require Import Reals Lra Lia List Bool.
From MonarchProofs Require Import rounding_in_probability.theorem.
Import ListNotations.
Local Open Scope R_scope.

(** cosh of the square root is convex: below its chord from (r - c)^2 to (r + c)^2. *)

Lemma cosh_even x : cosh (- x) = cosh x.
Proof. unfold cosh; rewrite Ropp_involutive; lra. Qed.

Lemma cosh_mono x y : 0 <= x -> x <= y -> cosh x <= cosh y.
Proof.
intros nonneg [less|<-]; [|lra]; apply Rnot_lt_le; intros wrong.
destruct (MVT_cor2 cosh sinh x y less (fun c _ => derivable_pt_lim_cosh c)) as [c [E [low high]]].
assert (0 < sinh c).
- unfold sinh; assert (exp (- c) < exp c) by (apply exp_increasing; lra); lra.
- nra.
Qed.

Lemma sinh_ratio x y : 0 < x -> x < y -> y * sinh x <= x * sinh y.
Proof.
intros positive less.
destruct (MVT_cor2 sinh cosh 0 x positive (fun c _ => derivable_pt_lim_sinh c)) as [c [E [low high]]].
destruct (MVT_cor2 sinh cosh x y less (fun c _ => derivable_pt_lim_sinh c)) as [d [E' [low' high']]].
rewrite sinh_0, !Rminus_0_r in E.
assert (cosh c <= cosh d) by (apply cosh_mono; lra).
assert ((y - x) * sinh x <= x * (sinh y - sinh x)); [|nra].
rewrite E', E; assert (0 < x * (y - x)) by nra; nra.
Qed.

Lemma cosh_sum r c : cosh (r + c) = cosh r * cosh c + sinh r * sinh c.
Proof. unfold cosh, sinh; rewrite Ropp_plus_distr, !exp_plus; lra. Qed.

Lemma cosh_chord r c x : 0 < r -> 0 < c -> Rabs (r - c) <= x -> x <= r + c ->
  cosh x <= cosh r * cosh c + (x ^ 2 - r ^ 2 - c ^ 2) / (2 * (r * c)) * (sinh r * sinh c).
Proof.
intros r_gt0 c_gt0 low high; set (b := sinh r * sinh c / (2 * (r * c))).
pose (f := fun v => cosh v - b * v ^ 2); pose (f' := fun v => sinh v - b * (2 * v)).
assert (derivative : forall v, derivable_pt_lim f v (f' v)).
- intros v; unfold f, f'; apply (derivable_pt_lim_minus cosh (fun v => b * v ^ 2)).
  + apply derivable_pt_lim_cosh.
  + apply (derivable_pt_lim_scal (fun v => v ^ 2) b); replace (2 * v) with (INR 2 * v ^ Nat.pred 2) by (simpl; ring).
    apply derivable_pt_lim_pow.
- assert (end_right : f (r + c) = cosh r * cosh c - b * (r ^ 2 + c ^ 2)).
  + unfold f, b; rewrite cosh_sum; field; lra.
  + assert (end_left : f (Rabs (r - c)) = cosh r * cosh c - b * (r ^ 2 + c ^ 2)).
    * assert (E : f (Rabs (r - c)) = f (r - c)).
      -- unfold f, Rabs; destruct (Rcase_abs (r - c)); [rewrite cosh_even|]; ring.
      -- rewrite E; unfold f, b, Rminus; rewrite cosh_sum, cosh_even.
         replace (sinh (- c)) with (- sinh c) by (unfold sinh; rewrite Ropp_involutive; lra); field; lra.
    * assert (below : f x <= cosh r * cosh c - b * (r ^ 2 + c ^ 2)).
      -- apply Rnot_lt_le; intros wrong; generalize (Rabs_pos (r - c)); intros.
         assert (Rabs (r - c) < x) by (destruct low as [|E]; [assumption | rewrite E in end_left; lra]).
         assert (x < r + c) by (destruct high as [|E]; [assumption | rewrite <- E in end_right; lra]).
         destruct (MVT_cor2 f f' (Rabs (r - c)) x ltac:(assumption) (fun v _ => derivative v)) as [v [E [v_low v_high]]].
         destruct (MVT_cor2 f f' x (r + c) ltac:(assumption) (fun v _ => derivative v)) as [w [E' [w_low w_high]]].
         assert (0 < f' v) by nra; assert (f' w < 0) by nra; unfold f' in *.
         generalize (sinh_ratio v w ltac:(lra) ltac:(lra)); intros.
         assert (v * sinh w < v * (b * (2 * w))) by (apply Rmult_lt_compat_l; lra).
         assert (w * (b * (2 * v)) < w * sinh v) by (apply Rmult_lt_compat_l; lra).
         nra.
      -- unfold f in below; replace ((x ^ 2 - r ^ 2 - c ^ 2) / (2 * (r * c)) * (sinh r * sinh c))
           with (b * x ^ 2 - b * (r ^ 2 + c ^ 2)) by (unfold b; field; lra); lra.
Qed.

(** Vectors of a dimension: their entries. *)
Section Vectors.

Variable size : nat.
Definition vector := nat -> R.
Implicit Types x y : vector.

Definition dot x y : R := sum_f_R0 (fun i => x i * y i) size.
Definition add x y : vector := fun i => x i + y i.
Definition scaled (c : R) x : vector := fun i => c * x i.
Definition squares x : R := dot x x.
Definition two x : R := sqrt (squares x).

Lemma squares_ge0 x : 0 <= squares x.
Proof. unfold squares, dot; apply cond_pos_sum; intros; nra. Qed.

Lemma two_ge0 x : 0 <= two x.
Proof. apply sqrt_pos. Qed.

Lemma two_sqr x : two x ^ 2 = squares x.
Proof. simpl; rewrite Rmult_1_r; apply sqrt_sqrt, squares_ge0. Qed.

Lemma squares_more x y c : squares (add x (scaled c y)) = squares x + 2 * c * dot x y + c ^ 2 * squares y.
Proof.
unfold squares, dot, add, scaled; rewrite !scal_sum, <- !plus_sum; apply sum_eq; intros; ring.
Qed.

(** Cauchy and Schwarz. *)
Lemma dot_le x y : Rabs (dot x y) <= two x * two y.
Proof.
assert (discriminant : dot x y ^ 2 <= squares x * squares y).
- destruct (Req_dec (squares y) 0) as [zero|nonzero].
  + assert (all : forall c, 0 <= squares x + 2 * c * dot x y)
      by (intros c; generalize (squares_ge0 (add x (scaled c y))); rewrite squares_more, zero; lra).
    destruct (Req_dec (dot x y) 0) as [->|other]; [rewrite zero; lra|exfalso].
    specialize (all (- (squares x + 1) / (2 * dot x y))).
    replace (2 * (- (squares x + 1) / (2 * dot x y)) * dot x y) with (- (squares x + 1)) in all by (field; lra); lra.
  + generalize (squares_ge0 (add x (scaled (- dot x y / squares y) y))) (squares_ge0 y); rewrite squares_more; intros le ge.
    replace (squares x + 2 * (- dot x y / squares y) * dot x y + (- dot x y / squares y) ^ 2 * squares y)
      with ((squares x * squares y - dot x y ^ 2) * / squares y) in le by (field; lra).
    assert (0 < / squares y) by (apply Rinv_0_lt_compat; lra).
    apply Rnot_lt_le; intros wrong; nra.
- unfold two; rewrite <- sqrt_mult_alt by apply squares_ge0; rewrite <- sqrt_Rsqr_abs; apply sqrt_le_1_alt.
  unfold Rsqr; simpl in discriminant; lra.
Qed.

(** One step of the walk: its expectation of cosh grows by cosh (u ||y||). *)
Lemma step u rate l x y : 0 < u -> 0 <= rate -> fair u l ->
  mean (fun d => cosh (rate * two (add x (scaled d y)))) l <= cosh (rate * two x) * cosh (rate * u * two y).
Proof.
intros u_gt0 rate_ge0 [all [one zero]].
set (r := rate * two x); set (c := rate * u * two y).
assert (0 <= r) by (apply Rmult_le_pos; [assumption | apply two_ge0]).
assert (0 <= c) by (apply Rmult_le_pos; [nra | apply two_ge0]).
set (k := if Req_EM_T (r * c) 0 then 0 else rate ^ 2 * dot x y / (r * c) * (sinh r * sinh c)).
apply Rle_trans with (mean (fun d => cosh r * cosh c * 1 + k * d) l).
- apply (mean_le u); [assumption|]; intros d small; rewrite Rmult_1_r.
  set (s := rate * two (add x (scaled d y))).
  assert (0 <= s) by (apply Rmult_le_pos; [assumption | apply two_ge0]).
  assert (square : s ^ 2 = r ^ 2 + 2 * (rate ^ 2 * (d * dot x y)) + rate ^ 2 * d ^ 2 * squares y).
  + unfold s, r; rewrite !Rpow_mult_distr, !two_sqr, squares_more; ring.
  + assert (d ^ 2 <= u ^ 2) by (rewrite <- (pow2_abs d); apply pow_incr; split; [apply Rabs_pos | assumption]).
    assert (rate ^ 2 * d ^ 2 * squares y <= c ^ 2).
    * unfold c; rewrite !Rpow_mult_distr, two_sqr; apply Rmult_le_compat_r; [apply squares_ge0|].
      apply Rmult_le_compat_l; [apply pow2_ge_0 | assumption].
    * assert (inner : Rabs (rate ^ 2 * (d * dot x y)) <= r * c).
      -- rewrite !Rabs_mult, (Rabs_pos_eq (rate ^ 2)) by apply pow2_ge_0; unfold r, c.
         replace (rate * two x * (rate * u * two y)) with (rate ^ 2 * (u * (two x * two y))) by ring.
         apply Rmult_le_compat_l; [apply pow2_ge_0|]; apply Rmult_le_compat; auto using Rabs_pos; apply dot_le.
      -- set (e := rate ^ 2 * (d * dot x y)) in *; set (q := rate ^ 2 * d ^ 2 * squares y) in *.
         assert (0 <= q) by (apply Rmult_le_pos; [apply Rmult_le_pos; apply pow2_ge_0 | apply squares_ge0]).
         assert (- (r * c) <= e <= r * c) by (revert inner; unfold Rabs; destruct (Rcase_abs e); lra).
         (* the longest that s can be with this inner product *)
         set (t := sqrt (r ^ 2 + c ^ 2 + 2 * e)).
         assert (0 <= r ^ 2 + c ^ 2 + 2 * e) by nra.
         assert (t_sqr : t ^ 2 = r ^ 2 + c ^ 2 + 2 * e) by (simpl; rewrite Rmult_1_r; apply sqrt_sqrt; assumption).
         assert (0 <= t) by apply sqrt_pos.
         apply Rle_trans with (cosh t); [apply cosh_mono; [assumption | nra]|].
         unfold k; destruct (Req_EM_T (r * c) 0) as [none|some].
         ++ assert (e = 0) by lra; rewrite Rmult_0_l, Rplus_0_r.
            assert (1 <= cosh r /\ 1 <= cosh c) as [r_one c_one]
              by (split; rewrite <- cosh_0; apply cosh_mono; lra).
            apply Rmult_integral in none; destruct none as [none|none]; rewrite none in *.
            ** assert (t = c) as -> by nra; rewrite cosh_0; lra.
            ** assert (t = r) as -> by nra; rewrite cosh_0; lra.
         ++ assert (0 < r) by (destruct (Rle_lt_or_eq_dec 0 r ltac:(assumption)) as [|E]; [assumption | rewrite <- E in some; lra]).
            assert (0 < c) by (destruct (Rle_lt_or_eq_dec 0 c ltac:(assumption)) as [|E]; [assumption | rewrite <- E in some; lra]).
            assert (Rabs (r - c) <= t) by (apply Rabs_le; split; nra).
            apply Rle_trans with (1 := cosh_chord r c t ltac:(assumption) ltac:(assumption) ltac:(assumption) ltac:(nra)).
            rewrite t_sqr; right; unfold e; field; lra.
- rewrite (mean_linear (cosh r * cosh c) k (fun _ => 1) (fun d => d)), one, zero; lra.
Qed.

End Vectors.

(** Roundings one after another, each multiplied by a vector that those before it give. *)
Section Process.

Variables (size : nat) (u : R) (next : list R -> law).
Hypothesis u_gt0 : 0 < u.
Hypothesis next_fair : forall past, small u past -> fair u (next past).

Fixpoint error (by_past : list R -> vector) (ds : list R) : vector :=
  match ds with [] => fun _ => 0 | d :: ds => add (scaled d (by_past [])) (error (fun past => by_past (d :: past)) ds) end.

Fixpoint energy (by_past : list R -> vector) (ds : list R) : R :=
  match ds with [] => 0 | d :: ds => squares size (by_past []) + energy (fun past => by_past (d :: past)) ds end.

Lemma error_more by_past ds d i : error by_past (ds ++ [d]) i = error by_past ds i + d * by_past ds i.
Proof.
revert by_past; induction ds as [|e ds IH]; intros by_past; simpl; unfold add, scaled in *; [ring | rewrite IH; ring].
Qed.

Lemma energy_more by_past ds d : energy by_past (ds ++ [d]) = energy by_past ds + squares size (by_past ds).
Proof. revert by_past; induction ds as [|e ds IH]; intros by_past; simpl; [ring | rewrite IH; ring]. Qed.

Lemma two_same x y : (forall i, x i = y i) -> two size x = two size y.
Proof. intros same; unfold two, squares, dot; f_equal; apply sum_eq; intros; now rewrite !same. Qed.

Lemma cosh_ge1 x : 0 <= x -> 1 <= cosh x.
Proof. rewrite <- cosh_0; intros; apply cosh_mono; lra. Qed.

Variables (by_past : list R -> vector) (V : R).

Lemma expect_cosh rate n past : 0 <= rate -> small u past ->
  (forall ds, small u ds -> length ds = (length past + n)%nat -> energy by_past ds <= V) ->
  expect next n past (fun ds => cosh (rate * two size (error by_past ds)))
  <= cosh (rate * two size (error by_past past)) * exp (rate ^ 2 * u ^ 2 * (V - energy by_past past) / 2).
Proof.
intros rate_ge0; revert past; induction n as [|n IH]; intros past all le; simpl expect.
- assert (energy by_past past <= V) by (apply le; [assumption | lia]).
  assert (1 <= cosh (rate * two size (error by_past past)))
    by (apply cosh_ge1, Rmult_le_pos; [assumption | apply two_ge0]).
  assert (exp 0 <= exp (rate ^ 2 * u ^ 2 * (V - energy by_past past) / 2)).
  + apply exp_le; assert (0 <= rate ^ 2 * u ^ 2) by nra; nra.
  + rewrite exp_0 in *; nra.
- set (x := error by_past past); set (y := by_past past).
  set (rest := exp (rate ^ 2 * u ^ 2 * (V - (energy by_past past + squares size y)) / 2)).
  apply Rle_trans with (mean (fun d => rest * cosh (rate * two size (add x (scaled d y))) + 0 * 1) (next past)).
  + apply (mean_le u); [apply next_fair; assumption|]; intros d smaller.
    eapply Rle_trans; [apply IH; [now apply small_more|]|].
    * intros ds; rewrite app_length; simpl length; intros; apply le; [assumption | lia].
    * rewrite energy_more; fold y rest; right.
      rewrite (two_same _ (add x (scaled d y))) by (intros i; apply error_more); ring.
  + rewrite (mean_linear rest 0 _ (fun _ => 1)), Rmult_0_l, Rplus_0_r.
    generalize (step size u rate (next past) x y u_gt0 rate_ge0 (next_fair past all)); intros one.
    assert (cosh (rate * u * two size y) <= exp (rate ^ 2 * u ^ 2 * squares size y / 2)).
    * replace (rate ^ 2 * u ^ 2 * squares size y / 2) with ((rate * u * two size y) ^ 2 / 2)
        by (rewrite !Rpow_mult_distr, two_sqr; ring).
      generalize (cosh_below (rate * u * two size y)); unfold cosh; lra.
    * assert (split : exp (rate ^ 2 * u ^ 2 * (V - energy by_past past) / 2)
        = rest * exp (rate ^ 2 * u ^ 2 * squares size y / 2)).
      -- unfold rest; rewrite <- exp_plus; f_equal; field.
      -- rewrite split; assert (0 < rest) by apply exp_pos.
         assert (1 <= cosh (rate * two size x)) by (apply cosh_ge1, Rmult_le_pos; [assumption | apply two_ge0]).
         apply Rle_trans with (rest * (cosh (rate * two size x) * cosh (rate * u * two size y))).
         ++ apply Rmult_le_compat_l; lra.
         ++ replace (cosh (rate * two size x) * (rest * exp (rate ^ 2 * u ^ 2 * squares size y / 2)))
              with (rest * (cosh (rate * two size x) * exp (rate ^ 2 * u ^ 2 * squares size y / 2))) by ring.
            apply Rmult_le_compat_l; [lra|]; apply Rmult_le_compat_l; lra.
Qed.

(** Main theorem: Pinelis's inequality, 1994, for roundings: but for a probability of 2 exp (- c^2 / 2) the errors come to
    at most c u sqrt V, V what the squares of the vectors come to at most. *)
Theorem errors_in_norm n c : 0 <= c -> 0 < V ->
  (forall ds, small u ds -> length ds = n -> energy by_past ds <= V) ->
  probability next n (fun ds => if Rlt_dec (c * (u * sqrt V)) (two size (error by_past ds)) then true else false)
  <= 2 * exp (- (c ^ 2 / 2)).
Proof.
intros c_ge0 V_gt0 le; assert (0 < sqrt V) by now apply sqrt_lt_R0.
assert (0 < u * sqrt V) by nra; set (rate := c / (u * sqrt V)).
assert (rate_ge0 : 0 <= rate) by (apply Rle_mult_inv_pos; assumption).
assert (start := expect_cosh rate n [] rate_ge0 (Forall_nil _) le).
cbn [error energy] in start; replace (two size (fun _ : nat => 0)) with 0 in start; [rewrite Rmult_0_r, cosh_0, Rmult_1_l, Rminus_0_r in start|].
- replace (rate ^ 2 * u ^ 2 * V / 2) with (c ^ 2 / 2) in start.
  + apply Rle_trans with (expect next n [] (fun ds => 2 * exp (- c ^ 2) * cosh (rate * two size (error by_past ds)) + 0 * 0)).
    * apply (expect_le u next next_fair); [constructor|]; intros ds _ _; unfold indicator; rewrite Rmult_0_l, Rplus_0_r.
      set (length := two size (error by_past ds)); assert (0 <= length) by apply two_ge0.
      assert (0 < exp (- c ^ 2)) by apply exp_pos.
      assert (1 <= cosh (rate * length)) by (apply cosh_ge1, Rmult_le_pos; assumption).
      destruct (Rlt_dec _ _) as [far|]; [|nra].
      assert (c ^ 2 <= rate * length).
      -- replace (c ^ 2) with (rate * (c * (u * sqrt V))) by (unfold rate; field; lra).
         apply Rmult_le_compat_l; [assumption | lra].
      -- assert (exp (c ^ 2) <= 2 * cosh (rate * length)).
         ++ generalize (exp_le (c ^ 2) (rate * length) ltac:(assumption)) (exp_pos (- (rate * length))); unfold cosh; lra.
         ++ assert (exp (- c ^ 2) * exp (c ^ 2) = 1) by (rewrite <- exp_plus, <- exp_0; f_equal; ring); nra.
    * rewrite (expect_linear next n [] (2 * exp (- c ^ 2)) 0 (fun ds => cosh (rate * two size (error by_past ds))) (fun _ => 0)).
      rewrite Rmult_0_l, Rplus_0_r.
      replace (2 * exp (- (c ^ 2 / 2))) with (2 * exp (- c ^ 2) * exp (c ^ 2 / 2)).
      -- apply Rmult_le_compat_l; [generalize (exp_pos (- c ^ 2)); lra | exact start].
      -- rewrite Rmult_assoc, <- exp_plus; do 2 f_equal; field.
  + unfold rate; rewrite <- (sqrt_sqrt V) at 2 by lra; field; lra.
- unfold two, squares, dot; rewrite (sum_eq _ (fun _ => 0)) by (intros; ring).
  rewrite sum_cte, Rmult_0_l, sqrt_0; reflexivity.
Qed.

End Process.

(** What a linear algorithm computes: maps that are exact, and single entries that are rounded. *)
Section Algorithms.

Variable size : nat.

Inductive operation : Type := Apply (A : vector -> vector) | Round (i : nat).

Definition only (i : nat) (x : vector) : vector := fun k => if Nat.eqb k i then x k else 0.

Fixpoint exact (p : list operation) (x : vector) : vector :=
  match p with [] => x | Apply A :: p => exact p (A x) | Round _ :: p => exact p x end.

Fixpoint computed (p : list operation) (x : vector) (ds : list R) : vector :=
  match p, ds with
  | [], _ => x
  | Apply A :: p, _ => computed p (A x) ds
  | Round i :: p, [] => computed p x []
  | Round i :: p, d :: ds => computed p (add x (scaled d (only i x))) ds
  end.

Fixpoint roundings (p : list operation) : nat :=
  match p with [] => O | Apply _ :: p => roundings p | Round _ :: p => S (roundings p) end.

(** What the next rounding is multiplied by: the entry that is rounded, as all that comes later would pass it on. *)
Fixpoint passed_on (p : list operation) (x : vector) (ds : list R) : vector :=
  match p, ds with
  | [], _ => fun _ => 0
  | Apply A :: p, _ => passed_on p (A x) ds
  | Round i :: p, [] => exact p (only i x)
  | Round i :: p, d :: ds => passed_on p (add x (scaled d (only i x))) ds
  end.

Definition linear (A : vector -> vector) : Prop :=
  (forall x y, (forall i, x i = y i) -> forall i, A x i = A y i) /\
  forall x y c i, A (add x (scaled c y)) i = A x i + c * A y i.

Fixpoint all_linear (p : list operation) : Prop :=
  match p with [] => True | Apply A :: p => linear A /\ all_linear p | Round _ :: p => all_linear p end.

Lemma exact_linear p : all_linear p -> linear (exact p).
Proof.
induction p as [|[A|i] p IH]; simpl.
- intros _; split; [auto|]; reflexivity.
- intros [[same sums] later]; destruct (IH later) as [same' sums']; split.
  + intros x y E i; apply same'; intros; now apply same.
  + intros x y c i; rewrite <- sums'; apply same'; intros k; rewrite sums; reflexivity.
- exact IH.
Qed.

Lemma error_same f g ds i : (forall past k, f past k = g past k) -> error f ds i = error g ds i.
Proof.
revert f g; induction ds as [|d ds IH]; intros f g same; simpl; unfold add, scaled; [reflexivity|].
rewrite same, (IH _ (fun past => g (d :: past))); [reflexivity | intros; apply same].
Qed.

(** The error is the sum of the roundings, each times what is passed on of it. *)
Theorem error_of_algorithm p x ds i : all_linear p -> length ds = roundings p ->
  computed p x ds i = exact p x i + error (passed_on p x) ds i.
Proof.
revert x ds; induction p as [|[A|k] p IH]; intros x ds; cbn [all_linear roundings].
- destruct ds; [simpl; intros; ring | discriminate].
- intros [_ later] all; simpl computed; simpl exact; rewrite (IH _ _ later all).
  f_equal; apply error_same; intros past j; reflexivity.
- intros later; destruct ds as [|d ds]; [discriminate|]; intros all; injection all as all.
  simpl computed; simpl exact; rewrite (IH _ _ later all), (proj2 (exact_linear p later)).
  cbn [error]; unfold add at 2, scaled at 2; simpl passed_on; rewrite Rplus_assoc; reflexivity.
Qed.

(** Different entries of a vector, rounded one after another, where what comes later lengthens by s at most: together
    their energy is at most s^2 times that of the vector. *)

Definition apart (i : nat) (ys : list nat) : Prop := ~ In i ys.

Lemma only_squares i x : squares size (only i x) = if Nat.leb i size then x i ^ 2 else 0.
Proof.
unfold squares, dot, only; induction size as [|n IH].
- destruct i; simpl; ring.
- rewrite tech5, IH; destruct (Nat.eqb_spec (S n) i) as [<-|other].
  + rewrite Nat.leb_refl; rewrite (proj2 (Nat.leb_gt (S n) n)) by lia; ring.
  + destruct (Nat.leb_spec i n), (Nat.leb_spec i (S n)); try lia; ring.
Qed.

Fixpoint entries (is : list nat) (x : vector) : R :=
  match is with [] => 0 | i :: is => (if Nat.leb i size then x i ^ 2 else 0) + entries is x end.

Lemma entries_same is x y : (forall i, In i is -> x i = y i) -> entries is x = entries is y.
Proof. induction is as [|i is IH]; simpl; intros same; [reflexivity | rewrite same, IH by auto; reflexivity]. Qed.

Lemma entries_le is x : NoDup is -> entries is x <= squares size x.
Proof.
revert x; induction is as [|i is IH]; intros x once; [apply squares_ge0|]; inversion once as [|? ? out once']; subst.
cbn [entries]; set (y := fun k => if Nat.eqb k i then 0 else x k).
rewrite (entries_same is x y).
- specialize (IH y once').
  assert (split : squares size x = (if Nat.leb i size then x i ^ 2 else 0) + squares size y).
  + rewrite <- only_squares; unfold squares, dot, only, y; rewrite <- plus_sum; apply sum_eq; intros k _.
    destruct (Nat.eqb k i); ring.
  + rewrite split; lra.
- intros k inside; unfold y; destruct (Nat.eqb_spec k i) as [->|]; [contradiction | reflexivity].
Qed.

Lemma energy_same f g ds : (forall past k, f past k = g past k) -> energy size f ds = energy size g ds.
Proof.
revert f g; induction ds as [|d ds IH]; intros f g same; simpl; [reflexivity|].
rewrite (IH _ (fun past => g (d :: past))) by (intros; apply same); f_equal.
unfold squares, dot; apply sum_eq; intros; now rewrite !same.
Qed.

Theorem energy_of_vector is p x ds s : NoDup is -> length ds = length is ->
  (forall y, squares size (exact p y) <= s ^ 2 * squares size y) ->
  energy size (passed_on (map Round is ++ p) x) ds <= s ^ 2 * squares size x.
Proof.
intros once all longer.
apply Rle_trans with (s ^ 2 * entries is x); [|apply Rmult_le_compat_l; [apply pow2_ge_0 | now apply entries_le]].
revert x ds all; induction is as [|i is IH]; intros x [|d ds]; try discriminate; simpl length; intros all.
- simpl; lra.
- injection all as all; inversion once as [|? ? out once']; subst; cbn [energy map app entries].
  rewrite Rmult_plus_distr_l; apply Rplus_le_compat.
  + rewrite <- only_squares.
    change (passed_on (Round i :: map Round is ++ p) x []) with (exact (map Round is ++ p) (only i x)).
    replace (exact (map Round is ++ p)) with (exact p); [apply longer|].
    clear; induction is as [|i is IH]; [reflexivity | exact IH].
  + set (y := add x (scaled d (only i x))).
    rewrite (energy_same _ (passed_on (map Round is ++ p) y)) by reflexivity.
    rewrite (entries_same is x y); [now apply IH|].
    intros k inside; unfold y, add, scaled, only; destruct (Nat.eqb_spec k i) as [->|]; [contradiction | ring].
Qed.

End Algorithms.

Print Assumptions errors_in_norm.
Print Assumptions error_of_algorithm.
Print Assumptions energy_of_vector.
