(** Numbers that a certificate is written in: how to compute with them, and what they stand for in a field. *)
From Coq Require Import ZArith Lia.
From mathcomp Require Import all_ssreflect ssralg.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** Arithmetic, and two tests. differs w x says that w x is seen not to be zero: w is what makes it seen. *)
Record scalars := Scalars {
  scalar :> Type;
  zero : scalar;
  one : scalar;
  add : scalar -> scalar -> scalar;
  subtract : scalar -> scalar -> scalar;
  multiply : scalar -> scalar -> scalar;
  normal : scalar -> scalar;
  vanishes : scalar -> bool;
  differs : scalar -> scalar -> bool
}.

(** The tests may be silent, but are not wrong. *)
Record meaning (S : scalars) (F : fieldType) (value : S -> F) : Prop := Meaning {
  value_zero : value (zero S) = 0;
  value_one : value (one S) = 1;
  value_add : forall x y, value (add x y) = value x + value y;
  value_subtract : forall x y, value (subtract x y) = value x - value y;
  value_multiply : forall x y, value (multiply x y) = value x * value y;
  value_normal : forall x, value (normal x) = value x;
  value_vanishes : forall x, vanishes x -> value x = 0;
  value_differs : forall w x, differs w x -> value x != 0
}.

(** Integers, read in a field of characteristic q, 0 for none. *)

Definition residue (q : Z) (z : Z) : Z := if Z.eqb q Z0 then z else Z.modulo z q.
Definition null (q : Z) (z : Z) : bool := Z.eqb (residue q z) Z0.

Definition integers (q : Z) : scalars :=
  @Scalars Z Z0 (Zpos xH) Z.add Z.sub Z.mul (residue q) (null q) (fun w x => ~~ null q (Z.mul w x)).

Section Integers.

Variable F : fieldType.

Definition number (z : Z) : F :=
  match z with
  | Z0 => 0
  | Zpos p => (Pos.to_nat p)%:R
  | Zneg p => - (Pos.to_nat p)%:R
  end.

Lemma number_nat k : number (Z.of_nat k) = k%:R.
Proof. by case: k => //= k; rewrite SuccNat2Pos.id_succ. Qed.

Lemma number_opp z : number (Z.opp z) = - number z.
Proof. by case: z => [|p|p] /=; rewrite ?oppr0 ?opprK. Qed.

Lemma number_sub_nat k l : number (Z.sub (Z.of_nat k) (Z.of_nat l)) = k%:R - l%:R.
Proof.
case: (leqP l k) => [le|/ltnW le].
  by rewrite -Nat2Z.inj_sub; [rewrite number_nat natrB | apply/leP].
have -> : Z.sub (Z.of_nat k) (Z.of_nat l) = Z.opp (Z.sub (Z.of_nat l) (Z.of_nat k)) by lia.
by rewrite number_opp -Nat2Z.inj_sub; [rewrite number_nat natrB // opprB | apply/leP].
Qed.

Lemma as_difference z : exists k, exists l, z = Z.sub (Z.of_nat k) (Z.of_nat l).
Proof. by exists (Z.to_nat z), (Z.to_nat (Z.opp z)); lia. Qed.

Lemma number_add x y : number (Z.add x y) = number x + number y.
Proof.
have [a [b ->]] := as_difference x; have [c [d ->]] := as_difference y.
have -> : Z.add (Z.sub (Z.of_nat a) (Z.of_nat b)) (Z.sub (Z.of_nat c) (Z.of_nat d))
    = Z.sub (Z.of_nat (Nat.add a c)) (Z.of_nat (Nat.add b d)) by lia.
by rewrite !number_sub_nat !natrD opprD addrACA.
Qed.

Lemma number_mul x y : number (Z.mul x y) = number x * number y.
Proof.
have [a [b ->]] := as_difference x; have [c [d ->]] := as_difference y.
have -> : Z.mul (Z.sub (Z.of_nat a) (Z.of_nat b)) (Z.sub (Z.of_nat c) (Z.of_nat d))
    = Z.sub (Z.of_nat (Nat.add (Nat.mul a c) (Nat.mul b d))) (Z.of_nat (Nat.add (Nat.mul a d) (Nat.mul b c))) by lia.
rewrite !number_sub_nat !natrD !natrM mulrBl !mulrBr opprB opprD.
by rewrite -!addrA; congr (_ + _); apply: addrCA.
Qed.

Lemma number_sub x y : number (Z.sub x y) = number x - number y.
Proof. by rewrite -number_opp -number_add. Qed.

Definition characteristic (q : Z) : Prop :=
  match q with
  | Z0 => forall k, k%:R = 0 :> F -> k = 0%N
  | Zpos p => Pos.to_nat p \in [char F]
  | Zneg _ => False
  end.

Variable q : Z.
Hypothesis char_q : characteristic q.

(** Of an integer, the test decides. *)
Lemma nullP z : null q z <-> number z = 0.
Proof.
rewrite /null /residue; case: q char_q => [|p|] //= char_p.
  split=> [/Z.eqb_spec -> //|e]; apply/Z.eqb_spec.
  have positive p : (Pos.to_nat p)%:R = 0 :> F -> False.
    by move=> /char_p; have := Pos2Nat.is_pos p; lia.
  by case: z e => [//|p /positive|p /eqP]; rewrite // oppr_eq0 => /eqP /positive.
have zero : number (Zpos p) = 0 by rewrite /=; apply/eqP; rewrite -(dvdn_charf char_p).
have pos : Z.lt Z0 (Zpos p) by lia.
split=> [/Z.eqb_spec e|].
  by rewrite (Z.div_mod z (Zpos p)) ?e ?Z.add_0_r ?number_mul ?zero ?mul0r //; lia.
rewrite {1}(Z.div_mod z (Zpos p)); last lia.
rewrite number_add number_mul zero mul0r add0r => e; apply/Z.eqb_spec.
have [ge lt] := Z.mod_pos_bound z (Zpos p) pos; move: e ge lt; set r := Z.modulo _ _ => e ge lt.
have := e; rewrite -(Z2Nat.id r ge) number_nat => /eqP; rewrite -(dvdn_charf char_p) => divides.
have [->//|nonzero] := posnP (Z.to_nat r).
by have /leP := dvdn_leq nonzero divides; lia.
Qed.

Lemma number_residue z : number (residue q z) = number z.
Proof.
rewrite /residue; case: q char_q => [|p|] //= char_p.
have zero : number (Zpos p) = 0 by rewrite /=; apply/eqP; rewrite -(dvdn_charf char_p).
rewrite [in RHS](Z.div_mod z (Zpos p)); last lia.
by rewrite number_add number_mul zero mul0r add0r.
Qed.

Lemma integers_meaning : @meaning (integers q) F number.
Proof.
split=> //; [exact: number_add | exact: number_sub | exact: number_mul | exact: number_residue | | ].
  by move=> x /nullP.
move=> w x; apply: contra => /eqP e; apply/nullP.
by rewrite number_mul e mulr0.
Qed.

End Integers.
