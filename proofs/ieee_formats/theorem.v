(** Binary formats, and that rounding to them is what the model of rounding says: fl(x) = x (1 + d) + e, |d| <= u,
    |e| <= eta, one of d and e zero; and a sum of two numbers of the format never underflows. With Flocq, over Coq's
    real numbers and so on their axioms. Overflow is not modelled: the exponent has no upper end. *)
From Coq Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core Relative Plus_error.
Open Scope R_scope.

Section Format.

Variables emin prec : Z.
Hypothesis prec_gt_0 : (0 < prec)%Z.
Local Instance precision : Prec_gt_0 prec := prec_gt_0.
Variable choice : Z -> bool. (* of the two nearest at a tie *)

Definition number := generic_format radix2 (FLT_exp emin prec).
Definition nearest := round radix2 (FLT_exp emin prec) (Znearest choice).

(** u = 2^-prec and eta = 2^(emin - 1), half of the least positive number 2^emin. *)
Definition u := bpow radix2 (- prec).
Definition eta := bpow radix2 (emin - 1).

Lemma half_power e : / 2 * bpow radix2 e = bpow radix2 (e - 1).
Proof. unfold Zminus; rewrite bpow_plus; simpl; lra. Qed.

Theorem nearest_number x : number (nearest x).
Proof. apply generic_format_round; auto with typeclass_instances. Qed.

Theorem nearest_model x : exists d e, Rabs d <= u /\ Rabs e <= eta /\ d * e = 0 /\ nearest x = x * (1 + d) + e.
Proof.
destruct (error_N_FLT radix2 emin prec prec_gt_0 choice x) as [d [e [small_d [small_e [one same]]]]].
exists d, e; repeat split; auto.
- unfold u; rewrite half_power in small_d; replace (- prec)%Z with (- prec + 1 - 1)%Z by ring; exact small_d.
- unfold eta; rewrite <- half_power; exact small_e.
Qed.

(** Sums are exact where they are so small that they could underflow. *)
Theorem nearest_sum x y : number x -> number y -> exists d, Rabs d <= u /\ nearest (x + y) = (x + y) * (1 + d).
Proof.
intros in_x in_y.
destruct (FLT_plus_error_N_ex radix2 emin prec choice x y in_x in_y) as [d [small same]].
exists d; split; auto; apply Rle_trans with (1 := small).
assert (e : u_ro radix2 prec = u).
  unfold u_ro, u; rewrite half_power; f_equal; ring.
rewrite e; assert (pos : 0 <= u) by apply bpow_ge_0.
apply Rmult_le_reg_r with (1 + u); [lra|].
unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; nra.
Qed.

(** Any rounding to a neighbour, as stochastic rounding or cutting off: twice as much of each. *)
Variable either : R -> Z.
Context {valid : Valid_rnd either}.
Definition faithful := round radix2 (FLT_exp emin prec) either.

Theorem faithful_model x : Rabs (faithful x - x) <= 2 * u * Rabs x + 2 * eta.
Proof.
assert (u_ge_0 : 0 <= u) by apply bpow_ge_0; assert (eta_ge_0 : 0 <= eta) by apply bpow_ge_0.
assert (twice : forall e, 2 * bpow radix2 (e - 1) = bpow radix2 e).
  intros e; rewrite <- half_power; lra.
assert (x_ge_0 := Rabs_pos x).
destruct (Rle_or_lt (bpow radix2 (emin + prec - 1)) (Rabs x)) as [normal|small].
- apply Rle_trans with (2 * u * Rabs x); [|lra].
  apply Rlt_le; replace (2 * u) with (bpow radix2 (- prec + 1)).
    apply relative_error_FLT; auto.
  unfold u; rewrite <- (twice (- prec + 1)%Z); do 2 f_equal; ring.
- destruct (Req_dec x 0) as [->|nonzero].
    unfold faithful; rewrite round_0; auto; rewrite Rminus_0_r, Rabs_R0; lra.
  apply Rle_trans with (ulp radix2 (FLT_exp emin prec) x).
    apply Rlt_le, error_lt_ulp; auto with typeclass_instances.
  rewrite ulp_FLT_small; auto.
    unfold eta; rewrite twice; nra.
  apply Rlt_trans with (1 := small); apply bpow_lt; lia.
Qed.

(** Flushing to zero: what is not normal becomes 0. *)
Definition least_normal := bpow radix2 (emin + prec - 1).
Definition flushed x := if Rlt_bool (Rabs (nearest x)) least_normal then 0 else nearest x.

Theorem flushed_model x : Rabs (flushed x - x) <= u * Rabs x + least_normal.
Proof.
assert (u_ge_0 : 0 <= u) by apply bpow_ge_0; assert (x_ge_0 := Rabs_pos x).
unfold flushed; destruct (Rlt_bool_spec (Rabs (nearest x)) least_normal) as [small|normal].
- rewrite Rminus_0_l, Rabs_Ropp.
  destruct (Rle_or_lt least_normal (Rabs x)) as [large|less]; [|nra].
  exfalso; apply (Rlt_not_le _ _ small); apply abs_round_ge_generic; auto with typeclass_instances.
  apply generic_format_bpow; unfold FLT_exp; lia.
- destruct (nearest_model x) as [d [e [small_d [small_e [_ same]]]]].
  replace (nearest x - x) with (x * d + e) by (rewrite same; ring).
  apply Rle_trans with (1 := Rabs_triang _ _); rewrite Rabs_mult.
  apply Rplus_le_compat; [rewrite Rmult_comm; apply Rmult_le_compat_r; auto|].
  apply Rle_trans with (1 := small_e); apply bpow_le; lia.
Qed.

End Format.

(** The formats of the package: (least exponent, precision). *)
Definition float64 : Z * Z := (-1074, 53)%Z.
Definition float32 : Z * Z := (-149, 24)%Z.
Definition bfloat16 : Z * Z := (-133, 8)%Z.
Definition float16 : Z * Z := (-24, 11)%Z.

Definition meets_the_model (format : Z * Z) (d_max e_max : Z) : Prop := forall choice,
  (forall x, exists d e, Rabs d <= bpow radix2 d_max /\ Rabs e <= bpow radix2 e_max /\ d * e = 0 /\
     nearest (fst format) (snd format) choice x = x * (1 + d) + e) /\
  (forall x y, number (fst format) (snd format) x -> number (fst format) (snd format) y ->
     exists d, Rabs d <= bpow radix2 d_max /\ nearest (fst format) (snd format) choice (x + y) = (x + y) * (1 + d)).

Theorem float64_model : meets_the_model float64 (-53) (-1075).
Proof. intros choice; split; [apply (nearest_model (-1074) 53) | apply (nearest_sum (-1074) 53)]; reflexivity. Qed.

Theorem float32_model : meets_the_model float32 (-24) (-150).
Proof. intros choice; split; [apply (nearest_model (-149) 24) | apply (nearest_sum (-149) 24)]; reflexivity. Qed.

Theorem bfloat16_model : meets_the_model bfloat16 (-8) (-134).
Proof. intros choice; split; [apply (nearest_model (-133) 8) | apply (nearest_sum (-133) 8)]; reflexivity. Qed.

Theorem float16_model : meets_the_model float16 (-11) (-25).
Proof. intros choice; split; [apply (nearest_model (-24) 11) | apply (nearest_sum (-24) 11)]; reflexivity. Qed.

Print Assumptions nearest_number.
Print Assumptions nearest_model.
Print Assumptions nearest_sum.
Print Assumptions faithful_model.
Print Assumptions flushed_model.
Print Assumptions float64_model.
Print Assumptions float32_model.
Print Assumptions bfloat16_model.
Print Assumptions float16_model.
