(** Coq's ring and field tactics on the fields of MathComp. In a section with F : fieldType,

      Add Field F_field : (field_laws F).

    makes [by_field] prove an equation of F, and [by_ring] one that needs no inverses. Powers and multiples are to be
    written out before. *)
From Coq Require Export Ring Field.
From mathcomp Require Import all_ssreflect ssralg.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Laws.

Variable F : fieldType.

(** The operations with one name each: MathComp has several, equal only after unfolding. *)
Definition plus (a b : F) : F := a + b.
Definition times (a b : F) : F := a * b.
Definition minus (a b : F) : F := a - b.
Definition opposite (a : F) : F := - a.
Definition over (a b : F) : F := a / b.
Definition inverse (a : F) : F := a^-1.
Definition none : F := 0.
Definition unit : F := 1.

Lemma ring_laws : ring_theory none unit plus times minus opposite eq.
Proof.
rewrite /none /unit /plus /times /minus /opposite.
split=> *; rewrite ?add0r ?addrA ?mul1r ?mulrA ?mulrDl ?subrr //; by [apply: addrC|apply: mulrC].
Qed.

Lemma field_laws : field_theory none unit plus times minus opposite over inverse eq.
Proof. by split=> // [||a /eqP nonzero]; [exact: ring_laws | exact/eqP/oner_neq0 | exact: mulVf]. Qed.

End Laws.

Ltac named F :=
  repeat match goal with
  | |- context [@GRing.add ?Z ?a (@GRing.opp ?Y ?b)] => change (@GRing.add Z a (@GRing.opp Y b)) with (@minus F a b)
  | |- context [@GRing.add ?Z ?a ?b] => change (@GRing.add Z a b) with (@plus F a b)
  | |- context [@GRing.mul ?Z ?a ?b] => change (@GRing.mul Z a b) with (@times F a b)
  | |- context [@GRing.opp ?Z ?a] => change (@GRing.opp Z a) with (@opposite F a)
  | |- context [@GRing.inv ?Z ?a] => change (@GRing.inv Z a) with (@inverse F a)
  | |- context [@GRing.zero ?Z] => change (@GRing.zero Z) with (@none F)
  | |- context [@GRing.one ?Z] => change (@GRing.one Z) with (@unit F)
  end;
  match goal with |- @eq _ ?a ?b => change (@eq (GRing.Field.sort F) a b) end.

Ltac by_ring F := named F; ring.
Ltac by_field F := named F; field.
