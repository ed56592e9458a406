(** Cosine and sine transforms: the cosine of (alpha i + beta)(gamma j + delta), in units of which P make a whole turn, is a
    sum of two Monarch matrices of order 2 where alpha gamma b c = P. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix.
From Coq Require Import Arith ArithRing.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages foundations.identities.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** The digits' products; the first term is a multiple of alpha gamma b c. *)
Lemma angle_digits (alpha beta gamma delta b c t s u v : nat) :
  ((alpha * (t * b + s) + beta) * (gamma * (u * c + v) + delta)
   = alpha * gamma * (b * c) * (t * u)
     + ((alpha * s + beta) * (gamma * (u * c)) + (alpha * (t * b + s) + beta) * (gamma * v + delta)))%N.
Proof. by rewrite -!multE -!plusE; ring. Qed.

Section Angles.

Variables (R : comRingType) (C S : nat -> R) (P : nat).
Hypothesis cosine_add : forall x y, C (x + y)%N = C x * C y - S x * S y.
Hypothesis sine_add : forall x y, S (x + y)%N = S x * C y + C x * S y.
Hypothesis cosine_turn : C P = 1.
Hypothesis sine_turn : S P = 0.

Lemma whole_turns k : C (P * k)%N = 1 /\ S (P * k)%N = 0.
Proof.
elim: k => [|k [IHc IHs]]; last first.
  by rewrite mulnS cosine_add sine_add cosine_turn sine_turn IHc IHs !mul0r mulr0 mulr1 subr0 addr0.
have c0 := cosine_add P 0; have s0 := sine_add P 0.
rewrite !addn0 cosine_turn sine_turn !mul0r !mul1r subr0 add0r in c0 s0.
by rewrite muln0 -c0 -s0.
Qed.

Lemma cosine_turns k x : C (P * k + x)%N = C x.
Proof. by have [c s] := whole_turns k; rewrite cosine_add c s mul1r mul0r subr0. Qed.

Lemma sine_turns k x : S (P * k + x)%N = S x.
Proof. by have [c s] := whole_turns k; rewrite sine_add c s mul1r mul0r add0r. Qed.

Variables (alpha beta gamma delta b late early c : nat).
Hypothesis whole : P = (alpha * gamma * (b * c))%N.

Definition line (i j : nat) : nat := ((alpha * i + beta) * (gamma * j + delta))%N.

(** Stages of b x early blocks, then of late x c ones. *)
Definition stages : radices := [:: (b, early); (late, c)].

(** psi, which reads i mod b and j / c, and phi, which reads i and j mod c. *)
Definition psi (s u : nat) : nat := ((alpha * s + beta) * (gamma * (u * c)))%N.
Definition phi (i v : nat) : nat := line i v.

Definition two_stages (g h : nat -> nat -> R) : 'M[R]_(late * b, early * c) :=
  \matrix_(i, j) (g (i %% b)%N (j %/ c)%N * h i (j %% c)%N).

Lemma two_stages_monarch g h : staged stages (two_stages g h).
Proof.
exists (fun k x y => if k == 0%N then g x (y %/ c)%N else h x y) => i j.
rewrite !big_ord_recl big_ord0 /= mulr1 mxE !mul1n !muln1.
by rewrite (modn_small (ltn_ord i)) (modn_small (ltn_ord j)).
Qed.

Lemma line_parts (i : 'I_(late * b)) (j : 'I_(early * c)) :
  C (line i j) = C (psi (i %% b) (j %/ c) + phi i (j %% c))%N /\
  S (line i j) = S (psi (i %% b) (j %/ c) + phi i (j %% c))%N.
Proof.
case: (join_split i) => t [s ->]; case: (join_split j) => u [v ->].
rewrite (modn_join _ _ (dvdnn b)) (modn_small (ltn_ord s)) (modn_join _ _ (dvdnn c)) (modn_small (ltn_ord v)).
have -> : (join u v %/ c)%N = u by exact: divn_join.
by rewrite /line /= angle_digits -whole cosine_turns sine_turns.
Qed.

Definition cosine_transform : 'M[R]_(late * b, early * c) := \matrix_(i, j) C (line i j).
Definition sine_transform : 'M[R]_(late * b, early * c) := \matrix_(i, j) S (line i j).

(** Main theorem: cos (psi + phi) and sin (psi + phi), each two terms. *)
Theorem cosine_two_monarch : exists A B,
  [/\ staged stages A, staged stages B & cosine_transform = A + B].
Proof.
exists (two_stages (fun s u => C (psi s u)) (fun i v => C (phi i v))).
exists (two_stages (fun s u => S (psi s u)) (fun i v => - S (phi i v))).
split; try exact: two_stages_monarch.
by apply/matrixP => i j; rewrite !mxE (line_parts i j).1 cosine_add mulrN.
Qed.

Theorem sine_two_monarch : exists A B,
  [/\ staged stages A, staged stages B & sine_transform = A + B].
Proof.
exists (two_stages (fun s u => S (psi s u)) (fun i v => C (phi i v))).
exists (two_stages (fun s u => C (psi s u)) (fun i v => S (phi i v))).
split; try exact: two_stages_monarch.
by apply/matrixP => i j; rewrite !mxE (line_parts i j).2 sine_add.
Qed.

End Angles.

(** One is not enough: a minor of a slice, of rows with the angles x, x' and columns with y, y', is a product of sines of
    differences. *)
Section Minor.

Variables (F : fieldType) (C S : nat -> F).
Hypothesis cosine_add : forall x y, C (x + y)%N = C x * C y - S x * S y.
Add Field F_minor : (field_laws F).

Definition sine_difference (x y : nat) : F := S x * C y - C x * S y.

Theorem cosine_minor x x' y y' :
  C (x + y)%N * C (x' + y')%N - C (x + y')%N * C (x' + y)%N = - (sine_difference x x' * sine_difference y y').
Proof.
rewrite !cosine_add /sine_difference.
move: (C x) (C x') (S x) (S x') (C y) (C y') (S y) (S y') => a a' s s' d d' t t'.
by by_ring F.
Qed.

End Minor.

(** Cosines and sines of a field with a P-th root of unity z and a square root i of -1: (z^x + z^-x)/2, and the other. *)
Section Roots.

Variables (F : fieldType) (P : nat) (z i half : F).
Hypothesis turn : z ^+ P = 1.
Hypothesis square : i * i = -1.
Hypothesis halves : half + half = 1.
Hypothesis P_gt0 : (0 < P)%N.
Add Field F_field : (field_laws F).

Definition cosine (x : nat) : F := (z ^+ x + (z ^+ x)^-1) * half.
Definition sine (x : nat) : F := - i * (z ^+ x - (z ^+ x)^-1) * half.

Lemma z_nonzero x : z ^+ x != 0.
Proof.
apply: expf_neq0; apply/eqP => zero; move: turn; rewrite zero expr0n (gtn_eqF P_gt0) => /esym/eqP.
by rewrite oner_eq0.
Qed.

Lemma cosine_sum (p r : F) : p != 0 -> r != 0 ->
  (p * r + (p * r)^-1) * (half * (half + half))
  = (p + p^-1) * half * ((r + r^-1) * half) + (p - p^-1) * half * ((r - r^-1) * half).
Proof. by move=> /eqP p0 /eqP r0; by_field F. Qed.

Lemma sine_sum (p r : F) : p != 0 -> r != 0 ->
  - i * (p * r - (p * r)^-1) * (half * (half + half))
  = - i * (p - p^-1) * half * ((r + r^-1) * half) + (p + p^-1) * half * (- i * (r - r^-1) * half).
Proof. by move=> /eqP p0 /eqP r0; by_field F. Qed.

Lemma two_sines (p r : F) :
  - i * (p - p^-1) * half * (- i * (r - r^-1) * half) = - ((p - p^-1) * half * ((r - r^-1) * half)).
Proof.
rewrite -[RHS]mulN1r -square; move: p^-1 r^-1 => p' r'; by by_ring F.
Qed.

Theorem roots_give_angles :
  [/\ forall x y, cosine (x + y)%N = cosine x * cosine y - sine x * sine y,
      forall x y, sine (x + y)%N = sine x * cosine y + cosine x * sine y,
      cosine P = 1 & sine P = 0].
Proof.
split=> [x y|x y||].
- by rewrite /cosine /sine two_sines opprK exprD -cosine_sum ?z_nonzero // halves mulr1.
- by rewrite /cosine /sine exprD -sine_sum ?z_nonzero // halves mulr1.
- by rewrite /cosine turn invr1 mulrDl mul1r.
- by rewrite /sine turn invr1 subrr mulr0 mul0r.
Qed.

End Roots.

Print Assumptions cosine_two_monarch.
Print Assumptions sine_two_monarch.
Print Assumptions cosine_minor.
Print Assumptions roots_give_angles.
