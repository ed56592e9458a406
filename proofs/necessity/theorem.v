(** Causal operators that the sufficient condition does not reach, decided by computing: N = 4, n = 2. In the family,
    q_1 = c Z, whose values at the fourth roots of unity have one fourth power; in these examples they have two. *)
From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect ssralg poly zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.operator foundations.scalars foundations.roots certificates.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** What rescaling q_1 and permuting the rows keep. *)
Definition one_fourth_power (F : fieldType) (M : 'M[F]_4) : Prop := forall l l', M l 1 ^+ 4 = M l' 1 ^+ 4.

Theorem family_has_one (F : fieldType) (w c : F) (M : 'M[F]_4) :
  w ^+ 4 = 1 -> (forall l : 'I_4, M l 1 = c * w ^+ l) -> one_fourth_power M.
Proof. by move=> root q1 l l'; rewrite !q1 !exprMn -!exprM ![(_ * 4)%N]mulnC !exprM root !expr1n. Qed.

Definition out_of_reach (F : fieldType) (M : 'M[F]_4) : Prop :=
  [/\ M \in unitmx, causal 2%N M M M & ~ one_fourth_power M].

Section Examples.

Variables (S : scalars) (A C : table S) (d w : S) (l l' : 'I_4).

Definition fourth (x : S) : S := normal (multiply (multiply x x) (multiply x x)).

(** The certificate that it is causal, and two values of q_1 with other fourth powers. *)
Definition out_of_reachb : bool :=
  [&& inverseb 4%N A C d, causal_symmetricb 4%N 2%N A C &
      differs w (subtract (fourth (nth (zero S) (line C 1%N) l)) (fourth (nth (zero S) (line C 1%N) l')))].

Lemma out_of_reachb_correct (F : fieldType) (value : S -> F) :
  meaning value -> out_of_reachb = true -> out_of_reach (columns value 4%N C).
Proof.
move=> means /and3P [inverse causes /(value_differs means) apart].
have [unit causal_C] := causal_symmetric_certified means inverse causes.
split=> // /(_ l l'); rewrite !mxE /entry_of => same; move: apart.
have fourthE x : value (fourth x) = value x ^+ 4.
  by rewrite (value_normal means) !(value_multiply means) -!expr2 -exprM.
by rewrite (value_subtract means) !fourthE same subrr eqxx.
Qed.

End Examples.

Open Scope Z_scope.

Definition Q := integers 0.

(** M = P, the order in which digits are reversed. *)
Definition pointwise_C : table Q := [:: [:: 1; 0; 0; 0]; [:: 0; 0; 1; 0]; [:: 0; 1; 0; 0]; [:: 0; 0; 0; 1]].

Theorem pointwise_out_of_reach (F : fieldType) : characteristic F 0 ->
  out_of_reach (@columns Q F (number F) 4%N pointwise_C).
Proof.
move=> char_0; apply: (@out_of_reachb_correct Q pointwise_C _ 1 1 (inord 2) (inord 0) _ _ (integers_meaning char_0)).
by rewrite /out_of_reachb !inordK.
Qed.

(** The Vandermonde matrix at 1, 2, -1, -2. *)
Definition other_points_A : table Q :=
  [:: [:: 8; -2; 8; -2]; [:: 8; -1; -8; 1]; [:: -2; 2; -2; 2]; [:: -2; 1; 2; -1]].
Definition other_points_C : table Q := [:: [:: 1; 1; 1; 1]; [:: 1; 2; -1; -2]; [:: 1; 4; 1; 4]; [:: 1; 8; -1; -8]].

Theorem other_points_out_of_reach (F : fieldType) : characteristic F 0 ->
  out_of_reach (@columns Q F (number F) 4%N other_points_C).
Proof.
move=> char_0.
apply: (@out_of_reachb_correct Q other_points_A _ 12 1 (inord 1) (inord 0) _ _ (integers_meaning char_0)).
by rewrite /out_of_reachb !inordK.
Qed.

(** l_1 = Z + 2 Z^2 + 2 Z^3, r_j = Y^a0, at a primitive fourth root of unity. *)
Definition Qi := at_root 0 4%N 2%N [:: 1].
Definition tuned_A : table Qi :=
  [:: [:: [:: 1]; [:: 3; 6]; [:: 5]; [:: 3; -6]]; [:: [:: 1]; [:: 0; 3]; [:: -1]; [:: 0; -3]];
      [:: [:: 1]; [:: -3; -6]; [:: 5]; [:: -3; 6]]; [:: [:: 1]; [:: 0; -3]; [:: -1]; [:: 0; 3]]].
Definition tuned_C : table Qi :=
  [:: [:: [:: 1]; [:: 1]; [:: 1]; [:: 1]]; [:: [:: 5]; [:: -2; -1]; [:: -1]; [:: -2; 1]];
      [:: [:: 1]; [:: -1]; [:: 1]; [:: -1]]; [:: [:: 5]; [:: 2; 1]; [:: -1]; [:: 2; -1]]].

Theorem tuned_out_of_reach (F : fieldType) (z : F) : characteristic F 0 -> (4.-primitive_root z)%R ->
  out_of_reach (@columns Qi F (value_at z) 4%N tuned_C).
Proof.
move=> char_0 primitive.
have means : @meaning Qi F (value_at z).
  by apply: (@roots_certify 0 4%N [:: 2%N] 2%N [:: 1] [:: -1; 0; 1] [:: 1]).
apply: (@out_of_reachb_correct Qi tuned_A _ [:: 12] [:: 1] (inord 2) (inord 0) _ _ means).
by rewrite /out_of_reachb !inordK.
Qed.

Print Assumptions family_has_one.
Print Assumptions pointwise_out_of_reach.
Print Assumptions other_points_out_of_reach.
Print Assumptions tuned_out_of_reach.
