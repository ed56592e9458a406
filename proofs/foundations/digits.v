(** Mixed radix: an index of 'I_(m * n) is a pair of digits, the first most significant. *)
From mathcomp Require Import all_ssreflect ssralg.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Digits.

Variables m n : nat.

Lemma join_bound (t : 'I_m) (s : 'I_n) : (t * n + s < m * n)%N.
Proof.
apply: (@leq_trans (t.+1 * n)%N); last by rewrite leq_mul2r ltn_ord orbT.
by rewrite mulSn addnC ltn_add2r.
Qed.

(** [join t s] is the index t·n + s. *)
Definition join (t : 'I_m) (s : 'I_n) : 'I_(m * n) := Ordinal (join_bound t s).

Lemma high_bound (i : 'I_(m * n)) : (i %/ n < m)%N.
Proof.
case: i => i /=; case: n => [|n']; first by rewrite muln0.
by rewrite ltn_divLR.
Qed.

Lemma low_bound (i : 'I_(m * n)) : (i %% n < n)%N.
Proof.
case: i => i /=; case: n => [|n']; first by rewrite muln0.
by rewrite ltn_mod.
Qed.

Definition high (i : 'I_(m * n)) : 'I_m := Ordinal (high_bound i).
Definition low (i : 'I_(m * n)) : 'I_n := Ordinal (low_bound i).

Lemma join_high_low i : join (high i) (low i) = i.
Proof. by apply: val_inj; rewrite /= -divn_eq. Qed.

Lemma high_join t s : high (join t s) = t.
Proof.
apply: val_inj => /=; case: n s => [[] //|n'] s.
by rewrite divnMDl // divn_small ?addn0.
Qed.

Lemma low_join t s : low (join t s) = s.
Proof. by apply: val_inj; rewrite /= modnMDl modn_small. Qed.

Lemma join_inj t s t' s' : join t s = join t' s' -> t = t' /\ s = s'.
Proof.
move=> e; split; first by rewrite -(high_join t s) e high_join.
by rewrite -(low_join t s) e low_join.
Qed.

Lemma eq_join t s t' s' : (join t s == join t' s') = (t == t') && (s == s').
Proof.
by apply/idP/idP => [/eqP /join_inj [-> ->] | /andP [/eqP -> /eqP ->]]; rewrite ?eqxx.
Qed.

Lemma join_split i : exists t, exists s, i = join t s.
Proof. by exists (high i), (low i); rewrite join_high_low. Qed.

Lemma big_join (R : Type) (idx : R) (op : Monoid.com_law idx) (F : 'I_(m * n) -> R) :
  \big[op/idx]_i F i = \big[op/idx]_t \big[op/idx]_s F (join t s).
Proof.
rewrite pair_big /= (reindex (fun p : 'I_m * 'I_n => join p.1 p.2)) //=.
exists (fun i => (high i, low i)) => [[t s]|i] _ /=; first by rewrite high_join low_join.
exact: join_high_low.
Qed.

End Digits.

Lemma sum_delta (R : ringType) (n : nat) (s : 'I_n) (F : 'I_n -> R) :
  \sum_k (k == s)%:R * F k = F s.
Proof.
rewrite (bigD1 s) //= eqxx mul1r big1 ?addr0 // => k /negbTE ->.
by rewrite mul0r.
Qed.

Lemma sum_delta_r (R : ringType) (n : nat) (s : 'I_n) (F : 'I_n -> R) :
  \sum_k F k * (k == s)%:R = F s.
Proof.
rewrite (bigD1 s) //= eqxx mulr1 big1 ?addr0 // => k /negbTE ->.
by rewrite mulr0.
Qed.
