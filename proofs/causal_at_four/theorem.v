(** All causal Monarch matrices at N = 4, n = 2, counted over every finite field of q elements: the equations, how many
    blocks L have given invariants, how many pairs of these solve the equations, and the sum over the blocks R. *)
From mathcomp Require Import all_ssreflect ssralg finalg zmodp matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.operator foundations.identities.
From MonarchProofs Require Import entry_formula.theorem interpolation.theorem free_parameters.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Identities.

Variable F : fieldType.
Add Field F_field : (field_laws F).

Lemma determinant_shifted (c w d t : F) : c * (t + d) * w - c * (w * t) = c * w * d.
Proof. by by_ring F. Qed.

Lemma alpha_shifted (c w d t : F) : c != 0 -> w != 0 -> d != 0 ->
  c * w * (c * (t + d) - w * t) / (c * w * d) = c + (c - w) / d * t.
Proof. by move=> /eqP c0 /eqP w0 /eqP d0; by_field F. Qed.

Lemma beta_shifted (c w d : F) : c != 0 -> w != 0 -> d != 0 -> c * w * (c - w) / (c * w * d) = (c - w) / d.
Proof. by move=> /eqP c0 /eqP w0 /eqP d0; by_field F. Qed.

End Identities.

Section Sums.

Variables (F : finFieldType) (m : nat).
Hypothesis card_F : #|F| = m.+2.

Implicit Types (f : F -> nat) (h : F -> F -> nat).
Local Open Scope nat_scope.

Lemma sum_all n : \sum_(x : F) n = m.+2 * n.
Proof. by rewrite sum_nat_const card_F. Qed.

Lemma sum_others n : \sum_(x : F | x != 0%R) n = m.+1 * n.
Proof. by rewrite sum_nat_const; congr (_ * _); have := cardC1 (0%R : F); rewrite card_F. Qed.

Lemma others_linear x y z f : \sum_(c : F | c != 0%R) (x + (y * f c + z)) = m.+1 * x + (y * (\sum_(c | c != 0%R) f c) + m.+1 * z).
Proof. by rewrite !big_split !sum_others big_distrr. Qed.

Lemma apart f : \sum_x f x = f 0%R + \sum_(x | x != 0%R) f x.
Proof. by rewrite (bigD1 0%R). Qed.

Lemma by_zero (b : bool -> nat) : \sum_(x : F) b (x == 0%R) = b true + m.+1 * b false.
Proof. by rewrite apart eqxx -sum_others; congr (_ + _); apply: eq_bigr => x /negbTE ->. Qed.

Lemma scaled_sum a f : a != 0%R -> \sum_x f (a * x)%R = \sum_x f x.
Proof. by move=> a0; rewrite [RHS](reindex_inj (mulfI a0)). Qed.

Lemma shifted_sum a f : \sum_x f (a + x)%R = \sum_x f x.
Proof. by rewrite [RHS](reindex_inj (addrI a)). Qed.

Lemma divided_sum a f : a != 0%R -> \sum_(x | x != 0%R) f (a / x)%R = \sum_(x | x != 0%R) f x.
Proof.
move=> a0; rewrite [RHS](reindex_inj (h := fun x => a / x)%R) => [|x y /(mulfI a0) /invr_inj //].
by apply: eq_bigl => x; rewrite mulf_eq0 invr_eq0 (negbTE a0).
Qed.

(** Solutions of s + c x = 0, and those that are not zero. *)
Lemma solutions s c : \sum_(x : F) ((s + c * x)%R == 0%R) = if c == 0%R then m.+2 * (s == 0%R) else 1.
Proof.
case: eqVneq => [->|c0]; first by under eq_bigr => x _ do rewrite mul0r addr0; rewrite sum_all.
rewrite (scaled_sum (fun y => (s + y)%R == 0%R : nat) c0) (shifted_sum s (fun y => y == 0%R : nat)).
by rewrite (by_zero nat_of_bool) muln0 addn0.
Qed.

Lemma other_solutions s c :
  \sum_(x : F | x != 0%R) ((s + c * x)%R == 0%R) = if c == 0%R then m.+1 * (s == 0%R) else (s != 0%R).
Proof.
case: (eqVneq c 0%R) => [->|c0]; first by under eq_bigr => x _ do rewrite mul0r addr0; rewrite sum_others.
have := solutions s c; rewrite (negbTE c0) apart mulr0 addr0.
by case: (s == 0%R) => /=; rewrite ?add1n ?add0n // => -[].
Qed.

Lemma not_solutions a b : a != 0%R -> \sum_(x : F) ((a * x - b)%R != 0%R) = m.+1.
Proof.
move=> a0; rewrite (scaled_sum (fun y => (y - b)%R != 0%R : nat) a0).
under eq_bigr => y _ do rewrite addrC.
by rewrite (shifted_sum (- b)%R (fun y => y != 0%R : nat)) (by_zero (fun z => ~~ z : nat)) muln1.
Qed.

(** The invariants of a block [[k, c], [r, w]]. *)
Definition alpha (k c r w : F) : F := (c * w * (k - r) / (k * w - c * r))%R.
Definition beta (k c r w : F) : F := (c * w * (c - w) / (k * w - c * r))%R.

(** Sum of h over the invariants of all invertible blocks, as it will turn out. *)
Definition weighted h : nat :=
  m.+1 * m * (\sum_(b | b != 0%R) \sum_a h a b) + m.+2 * m.+1 * (\sum_(a | a != 0%R) h a 0%R)
  + 2 * m.+2 * m.+1 * m.+1 * h 0%R 0%R.

Section Blocks.

Variable h : F -> F -> nat.

Definition columns_sum (c w : F) : nat :=
  \sum_k \sum_r ((k * w - c * r)%R != 0%R) * h (alpha k c r w) (beta k c r w).

Lemma columns_sum0 c w : c = 0%R \/ w = 0%R -> 
  columns_sum c w = ((c != 0%R) || (w != 0%R)) * (m.+2 * m.+1 * h 0%R 0%R).
Proof.
move=> zero; have product : (c * w = 0)%R by case: zero => ->; rewrite ?mul0r ?mulr0.
have -> : columns_sum c w = (\sum_k \sum_r ((k * w - c * r)%R != 0%R)) * h 0%R 0%R.
  rewrite big_distrl; apply: eq_bigr => k _; rewrite big_distrl; apply: eq_bigr => r _.
  by rewrite /alpha /beta product !mul0r.
rewrite mulnA; congr (_ * _); case: zero => -> {product}.
  rewrite eqxx /=; under eq_bigr => k _ do under eq_bigr => r _ do rewrite mul0r subr0.
  under eq_bigr => k _ do rewrite sum_all; rewrite -big_distrr /= mulnC.
  case: (eqVneq w 0%R) => [->|w0]; first by rewrite big1 // => k _; rewrite mulr0 eqxx.
  by under eq_bigr => k _ do rewrite mulrC; rewrite (scaled_sum (fun y => y != 0%R : nat) w0) (by_zero (fun z => ~~ z : nat)) muln1 mul1n mulnC.
rewrite eqxx orbF; under eq_bigr => k _ do under eq_bigr => r _ do rewrite mulr0 sub0r oppr_eq0.
rewrite sum_all; case: (eqVneq c 0%R) => [->|c0].
  by rewrite big1 ?muln0 // => r _; rewrite mul0r eqxx.
by rewrite (scaled_sum (fun y => y != 0%R : nat) c0) (by_zero (fun z => ~~ z : nat)) muln1 mul1n.
Qed.

Lemma columns_sumE c w : c != 0%R -> w != 0%R ->
  columns_sum c w = \sum_(d | d != 0%R) \sum_t h (c + (c - w) / d * t)%R ((c - w) / d)%R.
Proof.
move=> c0 w0; rewrite /columns_sum exchange_big /=.
rewrite -(scaled_sum _ w0) exchange_big /= [RHS]big_mkcond /=.
transitivity (\sum_t \sum_d (d != 0%R) * h (c + (c - w) / d * t)%R ((c - w) / d)%R).
  rewrite exchange_big; apply: eq_bigr => t _.
  rewrite -(scaled_sum _ c0) -(shifted_sum t); apply: eq_bigr => d _.
  rewrite /alpha /beta determinant_shifted !mulf_eq0 !negb_or c0 w0 /=.
  by case: (eqVneq d 0%R) => // d0; rewrite alpha_shifted // beta_shifted.
rewrite exchange_big; apply: eq_bigr => d _; case: (d != 0%R); first by apply: eq_bigr => t _; rewrite mul1n.
by rewrite big1.
Qed.

Lemma columns_sum_same c : c != 0%R -> columns_sum c c = m.+2 * m.+1 * h c 0%R.
Proof.
move=> c0; rewrite columns_sumE // (eq_bigr (fun=> m.+2 * h c 0%R)) => [|d _]; first by rewrite sum_others mulnA (mulnC m.+1).
by under eq_bigr => t _ do rewrite subrr !mul0r addr0; rewrite sum_all.
Qed.

Lemma columns_sum_differ c w : c != 0%R -> w != 0%R -> w != c ->
  columns_sum c w = \sum_(b | b != 0%R) \sum_a h a b.
Proof.
move=> c0 w0 differ; have diff0 : (c - w != 0)%R by rewrite subr_eq0 eq_sym.
rewrite columns_sumE // -(divided_sum (fun b => \sum_a h a b) diff0); apply: eq_bigr => d d0.
rewrite (scaled_sum (fun y => h (c + y)%R _)) ?mulf_neq0 ?invr_eq0 //.
exact: (shifted_sum c (fun y => h y _)).
Qed.

Lemma all_blocks : \sum_c \sum_w columns_sum c w = weighted h.
Proof.
rewrite apart; under [X in _ + X]eq_bigr => c c0.
  rewrite apart (columns_sum0 (or_intror (erefl _))) c0 mul1n (bigD1 c) //= columns_sum_same //.
  rewrite (eq_bigr (fun=> \sum_(b | b != 0%R) \sum_a h a b)) => [|w /andP [w0 differ]]; last exact: columns_sum_differ.
  rewrite sum_nat_const (_ : #|_| = m); first over.
  have := cardC1 (0%R : F); rewrite card_F (cardD1 c) !inE c0 => -[<-].
  by apply: eq_card => w; rewrite !inE andbC.
rewrite others_linear.
rewrite (eq_bigr (fun w => (w != 0%R) * (m.+2 * m.+1 * h 0%R 0%R))) => [|w _]; last first.
  by rewrite (columns_sum0 (or_introl (erefl _))) eqxx.
rewrite (by_zero (fun z => ~~ z * _)) mul0n mul1n add0n /weighted.
set S := \sum_(b | _) _; set T := \sum_(a | _) _; set U := h _ _.
by rewrite -!(addn1 m) -(addn1 (m + 1)); ring.
Qed.

End Blocks.

(** Pairs of blocks L: A alpha_0 + C alpha_1 = 0 and B beta_0 + E beta_1 = 0. What counts is which of A, C, B, E vanish. *)

Definition weighted_zero (b : bool -> bool -> nat) : nat :=
  m.+1 * m * (m.+1 * (b true false + m.+1 * b false false)) + m.+2 * m.+1 * (m.+1 * b false true)
  + 2 * m.+2 * m.+1 * m.+1 * b true true.

Lemma weighted_by_zero b : weighted (fun x y => b (x == 0%R) (y == 0%R)) = weighted_zero b.
Proof.
rewrite /weighted /weighted_zero eqxx; congr (_ * _ + _ * _ + _).
  rewrite (eq_bigr (fun=> b true false + m.+1 * b false false)) => [|y /negbTE y0]; first exact: sum_others.
  by rewrite y0 (by_zero (b^~ false)).
by rewrite (eq_bigr (fun=> b false true)) => [|x /negbTE ->]; first exact: sum_others.
Qed.

Definition second_pair (A0 C0 B0 E0 x0 y0 : bool) : nat :=
  let x := A0 || x0 in let y := B0 || y0 in
  m.+1 * m * ((if E0 then m.+1 * y else ~~ y) * (if C0 then m.+2 * x else 1))
  + m.+2 * m.+1 * ((if C0 then m.+1 * x else ~~ x) * y) + 2 * m.+2 * m.+1 * m.+1 * (x * y).

Lemma weighted_second (A C B E x y : F) :
  weighted (fun a b => ((A * x + C * a == 0) && (B * y + E * b == 0))%R)
  = second_pair (A == 0%R) (C == 0%R) (B == 0%R) (E == 0%R) (x == 0%R) (y == 0%R).
Proof.
rewrite /weighted /second_pair -!mulf_eq0; congr (_ * _ + _ * _ + _ * _); rewrite ?mulr0 ?addr0 -?mulnb //.
  rewrite -other_solutions big_distrl; apply: eq_bigr => b _; rewrite -solutions big_distrr; apply: eq_bigr => a _.
  by rewrite -mulnb mulnC.
by rewrite -other_solutions big_distrl; apply: eq_bigr => a _; rewrite -mulnb.
Qed.

Definition pairs (A0 C0 B0 E0 : bool) : nat := weighted_zero (second_pair A0 C0 B0 E0).

Lemma pairsE (A C B E : F) :
  \sum_c \sum_w \sum_k \sum_r ((k * w - c * r)%R != 0%R) *
    (\sum_c' \sum_w' \sum_k' \sum_r' ((k' * w' - c' * r')%R != 0%R) *
      ((A * alpha k c r w + C * alpha k' c' r' w' == 0) && (B * beta k c r w + E * beta k' c' r' w' == 0))%R)
  = pairs (A == 0%R) (C == 0%R) (B == 0%R) (E == 0%R).
Proof.
rewrite /pairs -weighted_by_zero -all_blocks; do 4!apply: eq_bigr => ? _.
by rewrite -weighted_second -all_blocks.
Qed.

(** The blocks R: those with a given first column, and sums that only ask which entries vanish. *)

Lemma second_columns (y0 y1 : F) :
  \sum_x \sum_z ((y0 * z - x * y1)%R != 0%R) = ((y0 != 0%R) || (y1 != 0%R)) * (m.+2 * m.+1).
Proof.
case: (eqVneq y0 0%R) => [->|y00] /=; last by under eq_bigr => x _ do rewrite not_solutions //; rewrite sum_all mul1n.
under eq_bigr => x _ do under eq_bigr => z _ do rewrite mul0r sub0r oppr_eq0 mulf_eq0 negb_or.
under eq_bigr => x _ do rewrite sum_all.
by rewrite (by_zero (fun z => m.+2 * (~~ z && (y1 != 0%R)))) /= muln0 add0n mulnCA; case: (y1 != 0%R); rewrite ?muln1 ?mul1n ?muln0 // mulnC.
Qed.

Definition second_block (b : bool -> bool -> nat) : nat :=
  m.+2 * m.+1 * (m.+1 * b true false + m.+1 * (b false true + m.+1 * b false false)).

Lemma second_blockE b :
  \sum_(y0 : F) \sum_(y1 : F) \sum_(x : F) \sum_(z : F) ((y0 * z - x * y1)%R != 0%R) * b (y0 == 0%R) (y1 == 0%R) = second_block b.
Proof.
transitivity (\sum_(y0 : F) \sum_(y1 : F)
    ((y0 != 0%R) || (y1 != 0%R)) * (m.+2 * m.+1) * b (y0 == 0%R) (y1 == 0%R)).
  apply: eq_bigr => y0 _; apply: eq_bigr => y1 _; rewrite -second_columns big_distrl.
  by apply: eq_bigr => x _; rewrite big_distrl.
under eq_bigr => y0 _ do rewrite (by_zero (fun z => ((y0 != 0%R) || ~~ z) * (m.+2 * m.+1) * b (y0 == 0%R) z)).
rewrite (by_zero (fun z => (~~ z || ~~ true) * (m.+2 * m.+1) * b z true + m.+1 * ((~~ z || ~~ false) * (m.+2 * m.+1) * b z false))).
by rewrite /second_block; move: (m.+2 * m.+1) (m.+1) => k l; rewrite /= !mul1n !mul0n add0n; ring.
Qed.

Definition first_column (b : bool -> nat) (e0 x0 z0 : bool) : nat :=
  if e0 || z0 then (if x0 then 0 else m.+1 * b false) else b true + (if x0 then m.+1 else m) * b false.

Lemma first_columnE b (e x z : F) :
  \sum_g ((e * z - x * g)%R != 0%R) * b (g == 0%R) = first_column b (e == 0%R) (x == 0%R) (z == 0%R).
Proof.
rewrite /first_column -mulf_eq0 apart eqxx mulr0 subr0.
rewrite (eq_bigr (fun g => ((e * z - x * g)%R != 0%R) * b false)) => [|g /negbTE -> //].
rewrite -big_distrl /=; set S := \sum_(g | _) _.
have -> : S = if (e * z == 0)%R then (if x == 0%R then 0 else m.+1) else (if x == 0%R then m.+1 else m).
  case: (eqVneq x 0%R) => [x0|x0].
    rewrite /S (eq_bigr (fun=> ((e * z)%R != 0%R : nat))) => [|g _]; last by rewrite x0 mul0r subr0.
    by rewrite sum_others; case: eqP; rewrite ?muln0 ?muln1.
  have : \sum_g ((e * z - x * g)%R != 0%R) = m.+1.
    by rewrite -(not_solutions (e * z)%R x0); apply: eq_bigr => g _; rewrite -opprB oppr_eq0.
  rewrite apart mulr0 subr0 -/S; case: (eqVneq (e * z)%R 0%R) => [_|nonzero] /=; first by rewrite add0n.
  by rewrite add1n => -[].
by case: (e * z == 0)%R; case: (x == 0)%R; rewrite ?mul0n ?mul1n ?add0n.
Qed.

Definition first_block (b : bool -> bool -> bool -> bool -> nat) : nat :=
  let column e x z := first_column (fun g => b e x g z) e x z in
  let row x z := column true x z + m.+1 * column false x z in
  let corner z := row true z + m.+1 * row false z in
  corner true + m.+1 * corner false.

Lemma first_blockE b :
  \sum_(z : F) \sum_(x : F) \sum_(e : F) \sum_(g : F) ((e * z - x * g)%R != 0%R) * b (e == 0%R) (x == 0%R) (g == 0%R) (z == 0%R) = first_block b.
Proof.
under eq_bigr => z _ do under eq_bigr => x _ do under eq_bigr => e _ do
  rewrite (first_columnE (fun g => b (e == 0%R) (x == 0%R) g (z == 0%R))).
under eq_bigr => z _ do under eq_bigr => x _ do
  rewrite (by_zero (fun e => first_column (fun g => b e (x == 0%R) g (z == 0%R)) e (x == 0%R) (z == 0%R))).
under eq_bigr => z _ do rewrite (by_zero (fun x =>
  first_column (fun g => b true x g (z == 0%R)) true x (z == 0%R)
  + m.+1 * first_column (fun g => b false x g (z == 0%R)) false x (z == 0%R))).
by rewrite (by_zero (fun z =>
  first_column (fun g => b true true g z) true true z + m.+1 * first_column (fun g => b false true g z) false true z
  + m.+1 * (first_column (fun g => b true false g z) true false z
            + m.+1 * first_column (fun g => b false false g z) false false z))).
Qed.

(** The values of [pairs], by cases as in the proof by hand. *)

Lemma pairs_cases :
  let c := m.+2 * m.+1 ^ 2 in
  [/\ pairs true true true true = c * (c * m.+3 ^ 2),
      pairs true true true false = c * (3 * c * m.+3) /\ pairs true true false true = c * (3 * c * m.+3),
      pairs true false true false = c * (2 * c * m.+3) /\ pairs false true false true = c * (2 * c * m.+3),
      pairs true false false false = c * (6 * c + m.+1 * m ^ 2)
        /\ pairs false true false false = c * (6 * c + m.+1 * m ^ 2) &
      pairs false false false false = c * (4 * c + m.+1 * m.+2 + m.+1 * m ^ 2)].
Proof.
by split; try split; rewrite /pairs /weighted_zero /second_pair /= -!(addn1 m) -!(addn1 (m + 1)) -?(addn1 (m + 1 + 1)); ring.
Qed.

(** The count. *)
Lemma total :
  first_block (fun e x g z => second_block (fun y0 y1 => pairs [|| z, e | y0] [|| x, g | y1] (z || y0) (x || y1)))
  = m.+2 ^ 4 * m.+1 ^ 8 * (15 * m.+2 ^ 2 + 2 * m.+2 - 1).
Proof.
have -> : 15 * m.+2 ^ 2 + 2 * m.+2 - 1 = 15 * m ^ 2 + 62 * m + 63.
  by rewrite (_ : _ + _ = 15 * m ^ 2 + 62 * m + 63 + 1) ?addnK // -!(addn1 m) -(addn1 (m + 1)); ring.
rewrite /first_block /first_column /second_block ?(orbT, orbF, orTb, orFb).
have [-> [-> ->] [-> ->] [-> ->] ->] := pairs_cases.
have -> : m.+2 ^ 4 * m.+1 ^ 8 = m.+2 * m.+1 ^ 2 * (m.+2 * m.+1 * (m.+1 ^ 2 * (m.+2 ^ 2 * m.+1 ^ 3))) by ring.
rewrite ?(mul0n, muln0, mul1n, muln1, add0n, addn0).
by rewrite -!(addn1 m) -!(addn1 (m + 1)); ring.
Qed.

End Sums.

(** From matrices to entries. *)

Section TwoByTwo.

Variable F : fieldType.
Add Field F_field' : (field_laws F).

Lemma sum2 (R : zmodType) (f : 'I_2 -> R) : \sum_i f i = f 0 + f 1.
Proof. by rewrite !big_ord_recl big_ord0 addr0; congr (f _ + f _); apply: val_inj. Qed.

Lemma determinant2 (A : 'M[F]_2) : \det A = A 0 0 * A 1 1 - A 0 1 * A 1 0.
Proof.
rewrite (expand_det_row _ 0) sum2 /cofactor !det_mx11 !mxE /= addn0 expr0 expr1 mul1r mulN1r mulrN.
have -> : lift 0 0 = 1 :> 'I_2 by apply: val_inj.
have -> : lift 1 0 = 0 :> 'I_2 by apply: val_inj.
by [].
Qed.

Definition entries (k c r w : F) : 'M[F]_2 :=
  \matrix_(i, j) if i == 0 then (if j == 0 then k else c) else (if j == 0 then r else w).

Lemma entriesE (A : 'M[F]_2) : entries (A 0 0) (A 0 1) (A 1 0) (A 1 1) = A.
Proof.
apply/matrixP => i j; rewrite mxE.
by case: i => -[|[|//]] ?; case: j => -[|[|//]] ?; congr (A _ _); apply: val_inj.
Qed.

Lemma entries_unit k c r w : (entries k c r w \in unitmx) = (k * w - c * r != 0).
Proof. by rewrite unitmxE unitfE determinant2 !mxE. Qed.

(** Row 0 of the inverse. *)
Lemma inverse_row (A : 'M[F]_2) : A \in unitmx ->
  invmx A 0 0 = A 1 1 / \det A /\ invmx A 0 1 = - A 0 1 / \det A.
Proof.
move=> unit; have nonzero : \det A != 0 by rewrite -unitfE -unitmxE.
pose B := entries (A 1 1 / \det A) (- A 0 1 / \det A) (- A 1 0 / \det A) (A 0 0 / \det A).
suff -> : invmx A = B by rewrite !mxE.
have product : A *m B = 1%:M.
  rewrite -{1}(entriesE A) /B; move: nonzero; rewrite determinant2.
  move: (A 0 0) (A 0 1) (A 1 0) (A 1 1) => k c r w /eqP nonzero; apply/matrixP => i j.
  rewrite !mxE sum2 !mxE; case: i => -[|[|//]] ?; case: j => -[|[|//]] ?; rewrite /= ?mulr1n ?mulr0n; by_field F => //.
by rewrite -[LHS]mulmx1 -product mulKmx.
Qed.

End TwoByTwo.

Section Equations.

Variables (F : fieldType) (L B : 'I_2 -> 'M[F]_2).
Hypothesis L_unit : forall s, L s \in unitmx.
Hypothesis B_unit : forall a, B a \in unitmx.
Add Field F_field'' : (field_laws F).

Let M := monarch2 L B.

Lemma tensor_first (a a' : 'I_2) :
  tensor M M M (join 0 0) (join 0 a) (join 0 a')
  = \sum_s invmx (B 0) 0 s * \sum_t invmx (L s) 0 t * (L s t a' * B a' s 0 * (L s t a * B a s 0)).
Proof.
have product := inverse_is_monarch L_unit B_unit; have [unit _] := mulmx1_unit product.
rewrite tensorE; have -> : invmx M = monarch2 (fun a1 => invmx (B a1)) (fun s => invmx (L s)).
  by rewrite -[LHS]mulmx1 -product mulKmx.
rewrite mxE big_join exchange_big; apply: eq_bigr => s _; rewrite mulr_sumr; apply: eq_bigr => t _.
by rewrite entry_order2 mxE !entry_order2 !mulrA.
Qed.

(** The two equations, without denominators. *)
Definition invariant (f : F -> F -> F -> F -> F) (A : 'M[F]_2) : F := f (A 0 0) (A 0 1) (A 1 0) (A 1 1).

Definition equations (a0 a1 b0 b1 : F) : bool :=
  let e := B 0 0 0 in let x := B 0 0 1 in let g := B 0 1 0 in let z := B 0 1 1 in
  let y0 := B 1 0 0 in let y1 := B 1 1 0 in
  (z * e * y0 * a0 + - (x * g * y1) * a1 == 0) && (z * y0 ^+ 2 * b0 + - (x * y1 ^+ 2) * b1 == 0).

End Equations.

Section Causal.

Variable F : finFieldType.
Implicit Type x : ('M[F]_2 * 'M[F]_2) * ('M[F]_2 * 'M[F]_2).
Add Field F_field3 : (field_laws F).

Definition two (A B : 'M[F]_2) (i : 'I_2) : 'M[F]_2 := if i == 0 then A else B.

(** The matrix with blocks L_0, L_1 and R_0, R_1. *)
Definition monarch4 x : 'M[F]_(2 * 2) := monarch2 (two x.1.1 x.1.2) (two x.2.1 x.2.2).

Definition invertible x : bool := [&& x.1.1 \in unitmx, x.1.2 \in unitmx, x.2.1 \in unitmx & x.2.2 \in unitmx].

(** Whether a matrix is causal, with n = 2; T[0, 1, j'] = 0 is all there is. *)
Definition causal4 (M : 'M[F]_(2 * 2)) : bool :=
  [forall a' : 'I_2, tensor M M M (join 0 0) (join 0 1) (join 0 a') == 0].

Lemma causal4P M : reflect (causal 2 M M M) (causal4 M).
Proof.
apply: (iffP forallP) => [vanish|causes a']; last first.
  apply/eqP; move/causal_tensor: causes; apply=> //=.
  by case: a' => a' lt; rewrite /= mul0n.
apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij.
have low (k : 'I_(2 * 2)) : (k < 2)%N -> exists2 a : 'I_2, k = join 0 a & a = k :> nat.
  by move=> lt; exists (Ordinal lt) => //; apply: val_inj; rewrite /= mul0n add0n.
have [a ea va] := low i lt_i; have [c ec vc] := low j lt_j; have [d -> _] := low j' lt_j'.
have a0 : a = 0 by apply: val_inj => /=; move: lt_ij; rewrite -va -vc; case: c {ec vc} => -[|[|]] //=; case: a {ea va} => -[].
have c1 : c = 1 by apply: val_inj => /=; move: lt_ij; rewrite -va -vc a0; case: c {ec vc} => -[|[|]].
by rewrite ea ec a0 c1; apply/eqP; apply: vanish.
Qed.

Lemma causal_equations x : invertible x ->
  causal4 (monarch4 x) = equations (two x.2.1 x.2.2) (invariant (@alpha F) x.1.1) (invariant (@alpha F) x.1.2)
    (invariant (@beta F) x.1.1) (invariant (@beta F) x.1.2).
Proof.
case: x => -[L0 L1] [B0 B1] /and4P /= [u0 u1 v0 v1].
have L_unit s : two L0 L1 s \in unitmx by rewrite /two; case: ifP.
have B_unit a : two B0 B1 a \in unitmx by rewrite /two; case: ifP.
have D0 : B0 0 0 * B0 1 1 - B0 0 1 * B0 1 0 != 0 by rewrite -determinant2 -unitfE -unitmxE.
have tensors a' : tensor (monarch4 ((L0, L1), (B0, B1))) (monarch4 ((L0, L1), (B0, B1))) (monarch4 ((L0, L1), (B0, B1)))
    (join 0 0) (join 0 1) (join 0 a') = _ := tensor_first L_unit B_unit 1 a'.
have [r00 r01] := inverse_row v0; have [l00 l01] := inverse_row u0; have [m00 m01] := inverse_row u1.
have split : causal4 (monarch4 ((L0, L1), (B0, B1))) =
    (tensor (monarch4 ((L0, L1), (B0, B1))) (monarch4 ((L0, L1), (B0, B1))) (monarch4 ((L0, L1), (B0, B1)))
      (join 0 0) (join 0 1) (join 0 0) == 0) &&
    (tensor (monarch4 ((L0, L1), (B0, B1))) (monarch4 ((L0, L1), (B0, B1))) (monarch4 ((L0, L1), (B0, B1)))
      (join 0 0) (join 0 1) (join 0 1) == 0).
  apply/forallP/andP => [all|[zero one]]; first by split; apply: all.
  by case=> -[|[|//]] lt; [move: zero | move: one]; congr (tensor _ _ _ _ _ (join _ _) == _); apply: val_inj.
rewrite split !tensors !sum2 /two /= r00 r01 l00 l01 m00 m01 /equations /invariant /alpha /beta /two /= -!determinant2.
move: u0 u1 v0; rewrite !unitmxE !unitfE => d0 d1 dB.
have scaled (u v d : F) : d != 0 -> u = v / d -> (u == 0) = (v == 0).
  by move=> nonzero ->; rewrite mulf_eq0 invr_eq0 (negbTE nonzero) orbF.
move: (\det B0) (\det L0) (\det L1) dB d0 d1 => D D' D'' nonzero nonzero' nonzero''.
congr (_ && _); apply: (scaled _ _ D) => //; move: nonzero nonzero' nonzero'' => /eqP n /eqP n' /eqP n'';
  rewrite ?expr2; by_field F; by [].
Qed.

(** Sums over blocks as sums over entries, in three orders. *)

Lemma sum_columns (f : 'M[F]_2 -> nat) : (\sum_A f A = \sum_c \sum_w \sum_k \sum_r f (entries k c r w))%N.
Proof.
rewrite !pair_bigA (reindex (fun p : F * F * F * F => entries p.1.2 p.1.1.1 p.2 p.1.1.2)) //=.
by exists (fun A => (A 0 1, A 1 1, A 0 0, A 1 0)) => [[[[c w] k] r]|A] _ /=; rewrite ?entriesE // !mxE.
Qed.

Lemma sum_first (f : 'M[F]_2 -> nat) : (\sum_A f A = \sum_z \sum_x \sum_e \sum_g f (entries e x g z))%N.
Proof.
rewrite !pair_bigA (reindex (fun p : F * F * F * F => entries p.1.2 p.1.1.2 p.2 p.1.1.1)) //=.
by exists (fun A => (A 1 1, A 0 1, A 0 0, A 1 0)) => [[[[c w] k] r]|A] _ /=; rewrite ?entriesE // !mxE.
Qed.

Lemma sum_second (f : 'M[F]_2 -> nat) : (\sum_A f A = \sum_y0 \sum_y1 \sum_x \sum_z f (entries y0 x y1 z))%N.
Proof.
rewrite !pair_bigA (reindex (fun p : F * F * F * F => entries p.1.1.1 p.1.2 p.1.1.2 p.2)) //=.
by exists (fun A => (A 0 0, A 1 0, A 0 1, A 1 1)) => [[[[c w] k] r]|A] _ /=; rewrite ?entriesE // !mxE.
Qed.

Local Notation q := #|F|.

Lemma two_or_more : exists m, q = m.+2.
Proof. by exists q.-2; rewrite (cardD1 (0 : F)) (cardD1 (1 : F)) !inE oner_eq0. Qed.

(** How many quadruples of invertible blocks make a causal matrix. *)
Theorem causal_quadruples :
  #|[pred x | invertible x && causal4 (monarch4 x)]| = (q ^ 4 * (q - 1) ^ 8 * (15 * q ^ 2 + 2 * q - 1))%N.
Proof.
have [m card] := two_or_more.
rewrite -sum1_card big_mkcond /= (eq_bigr (fun x => (x.2.1 \in unitmx) * ((x.2.2 \in unitmx) * ((x.1.1 \in unitmx) *
  ((x.1.2 \in unitmx) * equations (two x.2.1 x.2.2) (invariant (@alpha F) x.1.1) (invariant (@alpha F) x.1.2)
    (invariant (@beta F) x.1.1) (invariant (@beta F) x.1.2)))))%N) => [|x _]; last first.
  rewrite !inE; have := @causal_equations x; rewrite /invertible.
  by do 4!case: (_ \in unitmx) => //=; move=> -> //; rewrite !mul1n; case: equations.
rewrite -(pair_bigA _ (fun l b => (b.1 \in unitmx) * ((b.2 \in unitmx) * ((l.1 \in unitmx) * ((l.2 \in unitmx) *
  equations (two b.1 b.2) (invariant (@alpha F) l.1) (invariant (@alpha F) l.2) (invariant (@beta F) l.1)
    (invariant (@beta F) l.2)))))%N) exchange_big /=.
have inner (B0 B1 : 'M[F]_2) : (\sum_(l : 'M[F]_2 * 'M[F]_2) (l.1 \in unitmx) * ((l.2 \in unitmx) *
    equations (two B0 B1) (invariant (@alpha F) l.1) (invariant (@alpha F) l.2) (invariant (@beta F) l.1)
      (invariant (@beta F) l.2))
    = pairs m [|| B0 1 1 == 0, B0 0 0 == 0 | B1 0 0 == 0]%R [|| B0 0 1 == 0, B0 1 0 == 0 | B1 1 0 == 0]%R
        ((B0 1 1 == 0) || (B1 0 0 == 0))%R ((B0 0 1 == 0) || (B1 1 0 == 0))%R)%N.
  rewrite -(pair_bigA _ (fun l0 l1 => (l0 \in unitmx) * ((l1 \in unitmx) * equations (two B0 B1) (invariant (@alpha F) l0)
    (invariant (@alpha F) l1) (invariant (@beta F) l0) (invariant (@beta F) l1)))%N) /= sum_columns.
  transitivity (pairs m (B0 1 1 * B0 0 0 * B1 0 0 == 0) (- (B0 0 1 * B0 1 0 * B1 1 0) == 0)
    (B0 1 1 * B1 0 0 ^+ 2 == 0) (- (B0 0 1 * B1 1 0 ^+ 2) == 0)); last first.
    by rewrite !oppr_eq0 !expr2 !mulf_eq0 !orbb !orbA.
  rewrite -(pairsE card); do 4!apply: eq_bigr => ? _; rewrite -big_distrr /= entries_unit; congr (_ * _)%N.
  rewrite sum_columns; do 4!apply: eq_bigr => ? _; rewrite entries_unit; congr (_ * _)%N.
  by rewrite /equations /invariant /two /= !mxE.
transitivity (\sum_(B0 : 'M[F]_2) (B0 \in unitmx) * \sum_(B1 : 'M[F]_2) (B1 \in unitmx) *
    pairs m [|| B0 1 1 == 0, B0 0 0 == 0 | B1 0 0 == 0]%R [|| B0 0 1 == 0, B0 1 0 == 0 | B1 1 0 == 0]%R
      ((B0 1 1 == 0) || (B1 0 0 == 0))%R ((B0 0 1 == 0) || (B1 1 0 == 0))%R)%N.
  under [RHS]eq_bigr => B0 _ do rewrite big_distrr.
  rewrite [RHS]pair_bigA; apply: eq_bigr => -[B0 B1] _ /=; rewrite -inner !big_distrr.
  by apply: eq_bigr => l _.
rewrite card subn1 -total sum_first -(first_blockE card); do 4!apply: eq_bigr => ? _.
rewrite entries_unit !mxE /=; congr (_ * _)%N; rewrite sum_second -(second_blockE card); do 4!apply: eq_bigr => ? _.
by rewrite entries_unit !mxE.
Qed.

(** Each matrix comes from (q - 1)^4 quadruples. *)

Definition scaled_blocks x (s : {ffun 'I_2 * 'I_2 -> F}) : ('M[F]_2 * 'M[F]_2) * ('M[F]_2 * 'M[F]_2) :=
  let L i := \matrix_(t, a) (s (i, a) * two x.1.1 x.1.2 i t a) in
  let B a := \matrix_(i, a0) ((s (i, a))^-1 * two x.2.1 x.2.2 a i a0) in
  ((L 0, L 1), (B 0, B 1)).

Lemma two01 (f : 'I_2 -> 'M[F]_2) i : two (f 0) (f 1) i = f i.
Proof. by case: i => -[|[|//]] ?; rewrite /two /=; congr f; apply: val_inj. Qed.

Lemma scaled_same4 x (s : {ffun 'I_2 * 'I_2 -> F}) : (forall p, s p != 0) -> monarch4 (scaled_blocks x s) = monarch4 x.
Proof.
move=> nonzero; apply/esym; apply: (scaled_same (scale := fun i a => s (i, a))) => i a; split=> // [t|a0].
  by rewrite /scaled_blocks /= (two01 (fun i => \matrix_(t, a) (s (i, a) * two x.1.1 x.1.2 i t a))) mxE.
by rewrite /scaled_blocks /= (two01 (fun a => \matrix_(i, a0) ((s (i, a))^-1 * two x.2.1 x.2.2 a i a0))) mxE.
Qed.

Lemma scaled_left x s i t a : two (scaled_blocks x s).1.1 (scaled_blocks x s).1.2 i t a = s (i, a) * two x.1.1 x.1.2 i t a.
Proof. by rewrite /= (two01 (fun i => \matrix_(t, a) (s (i, a) * two x.1.1 x.1.2 i t a))) mxE. Qed.

Lemma scaled_right x s i a a0 :
  two (scaled_blocks x s).2.1 (scaled_blocks x s).2.2 a i a0 = (s (i, a))^-1 * two x.2.1 x.2.2 a i a0.
Proof. by rewrite /= (two01 (fun a => \matrix_(i, a0) ((s (i, a))^-1 * two x.2.1 x.2.2 a i a0))) mxE. Qed.

Lemma column_nonzero (A : 'M[F]_2) a : A \in unitmx -> exists t, A t a != 0.
Proof.
move=> unit; apply/existsP; apply: contraT; rewrite negb_exists => /forallP zero.
have /matrixP /(_ a a) := mulVmx unit; rewrite [LHS]mxE [RHS]mxE eqxx big1 => [/esym /eqP|t _]; first by rewrite oner_eq0.
by have /negPn /eqP -> := zero t; rewrite mulr0.
Qed.

Lemma row_nonzero (A : 'M[F]_2) s : A \in unitmx -> exists a, A s a != 0.
Proof. by rewrite -unitmx_tr => /(column_nonzero s) [a]; rewrite mxE; exists a. Qed.

Lemma diagonal_unit (d : 'rV[F]_2) : (forall a, d 0 a != 0) -> diag_mx d \in unitmx.
Proof. by move=> nonzero; rewrite unitmxE det_diag unitfE; apply/prodf_neq0 => a _. Qed.

Lemma scaled_invertible x (s : {ffun 'I_2 * 'I_2 -> F}) : (forall p, s p != 0) -> invertible x -> invertible (scaled_blocks x s).
Proof.
move=> nonzero /and4P [u0 u1 v0 v1].
have left i : (\matrix_(t, a) (s (i, a) * two x.1.1 x.1.2 i t a)) = two x.1.1 x.1.2 i *m diag_mx (\row_a s (i, a)).
  by apply/matrixP => t a; rewrite mul_mx_diag !mxE mulrC.
have right a : (\matrix_(i, a0) ((s (i, a))^-1 * two x.2.1 x.2.2 a i a0)) = diag_mx (\row_i (s (i, a))^-1) *m two x.2.1 x.2.2 a.
  by apply/matrixP => i a0; rewrite mul_diag_mx !mxE.
rewrite /invertible /= !left !right !unitmx_mul /two /= u0 u1 v0 v1 /= !andbT.
by apply/and4P; split; apply: diagonal_unit => a; rewrite mxE ?invr_eq0.
Qed.

Lemma fibre_card x : invertible x -> #|[pred y | invertible y && (monarch4 y == monarch4 x)]| = ((q - 1) ^ 4)%N.
Proof.
move=> inv; have /and4P [u0 u1 v0 v1] := inv.
have L_unit i : two x.1.1 x.1.2 i \in unitmx by rewrite /two; case: ifP.
have B_unit a : two x.2.1 x.2.2 a \in unitmx by rewrite /two; case: ifP.
pose S := [pred s : {ffun 'I_2 * 'I_2 -> F} | [forall p, s p != 0]].
have card_S : #|S| = ((q - 1) ^ 4)%N.
  have <- : #|predC1 (0 : F)| = (q - 1)%N by have := cardC1 (0 : F); rewrite subn1.
  rewrite (_ : 4 = #|{: 'I_2 * 'I_2}|)%N; last by rewrite card_prod !card_ord.
  rewrite -card_ffun_on; apply: eq_card => s; rewrite [LHS]inE.
  by apply/forallP/ffun_onP => all p; have := all p; rewrite !inE.
rewrite -card_S -(card_in_image (f := scaled_blocks x) (A := S)) => [|s s' /forallP n /forallP n' same]; last first.
  apply/ffunP => -[i a]; have [t nonzero] := column_nonzero a (L_unit i).
  by apply: (mulIf nonzero); rewrite -!scaled_left same.
apply: eq_card => y; rewrite !inE; apply/andP/imageP => [[inv_y /eqP same]|[s /forallP nonzero ->]]; last first.
  by split; [apply: scaled_invertible | rewrite scaled_same4].
have [|a s|scale all] := (same_matrix (two y.1.1 y.1.2) (two y.2.1 y.2.2) _ _).1 (esym same).
- by move=> i a; apply: column_nonzero.
- exact: row_nonzero.
exists [ffun p => scale p.1 p.2]; first by apply/forallP => -[i a]; rewrite ffunE; have [] := all i a.
have left i : two y.1.1 y.1.2 i = two (scaled_blocks x [ffun p => scale p.1 p.2]).1.1 (scaled_blocks x [ffun p => scale p.1 p.2]).1.2 i.
  by apply/matrixP => t a; rewrite scaled_left ffunE; have [] := all i a.
have right a : two y.2.1 y.2.2 a = two (scaled_blocks x [ffun p => scale p.1 p.2]).2.1 (scaled_blocks x [ffun p => scale p.1 p.2]).2.2 a.
  by apply/matrixP => i a0; rewrite scaled_right ffunE; have [] := all i a.
have := (left 0, left 1, right 0, right 1); move: (scaled_blocks x _) => z; clear.
by case: y z => -[L0 L1] [B0 B1] [[L0' L1'] [B0' B1']]; rewrite /two /= => -[[[-> ->] ->] ->].
Qed.

Theorem factorisations (P : pred 'M[F]_(2 * 2)) :
  (#|[set monarch4 x | x in [pred x | invertible x && P (monarch4 x)]]| * (q - 1) ^ 4
  = #|[pred x | invertible x && P (monarch4 x)]|)%N.
Proof.
rewrite -[RHS]sum1_card (partition_big_imset monarch4) -sum_nat_const; apply: eq_bigr => M /imsetP [x].
rewrite inE => /andP [inv holds] ->; rewrite -(fibre_card inv) -sum1_card; apply: eq_bigl => y.
by rewrite !inE; case: eqP => [->|_]; rewrite ?andbF // holds !andbT.
Qed.

(** How many causal matrices these are. *)
Theorem causal_matrices :
  #|[set monarch4 x | x in [pred x | invertible x && causal4 (monarch4 x)]]| = (q ^ 4 * (q - 1) ^ 4 * (15 * q ^ 2 + 2 * q - 1))%N.
Proof.
have pos : (0 < (q - 1) ^ 4)%N by have [m ->] := two_or_more; rewrite subn1 expn_gt0.
apply/eqP; rewrite -(eqn_pmul2r pos) factorisations causal_quadruples.
have regroup (a b c : nat) : (a * (b * b) * c = a * b * c * b)%N by ring.
by rewrite (expnD _ 4 4) regroup.
Qed.

(** Of all invertible Monarch matrices. *)

Lemma invertible_blocks : #|[pred A : 'M[F]_2 | A \in unitmx]| = (q * (q - 1) ^ 2 * (q + 1))%N.
Proof.
have [m card] := two_or_more; rewrite -sum1_card big_mkcond /= sum_columns.
have := all_blocks card (fun _ _ => 1%N); rewrite /weighted /columns_sum.
have -> : (m.+1 * m * (\sum_(b : F | b != 0%R) \sum_(a : F) 1) + m.+2 * m.+1 * (\sum_(a : F | a != 0%R) 1)
    + 2 * m.+2 * m.+1 * m.+1 * 1 = q * (q - 1) ^ 2 * (q + 1))%N.
  rewrite (eq_bigr (fun=> m.+2)) => [|b _]; last by rewrite (sum_all card) muln1.
  by rewrite !(sum_others card) card subn1 [m.+2.-1]/= -!(addn1 m) -!(addn1 (m + 1)); ring.
move=> <-; do 4!apply: eq_bigr => ? _; by rewrite inE entries_unit muln1; case: (_ != 0).
Qed.

Theorem invertible_matrices :
  #|[set monarch4 x | x in [pred x | invertible x && true]]| = (q ^ 4 * (q - 1) ^ 4 * (q + 1) ^ 4)%N.
Proof.
have pos : (0 < (q - 1) ^ 4)%N by have [m ->] := two_or_more; rewrite subn1 expn_gt0.
apply/eqP; rewrite -(eqn_pmul2r pos) (factorisations xpredT).
pose U := [pred A : 'M[F]_2 | A \in unitmx].
have -> : #|[pred x | invertible x && true]| = #|[predX [predX U & U] & [predX U & U]]|.
  by apply: eq_card => -[[L0 L1] [B0 B1]]; rewrite !inE /invertible /= andbT !andbA.
rewrite !cardX invertible_blocks; move: (q - 1)%N => p.
by have -> : (q ^ 4 * p ^ 4 * (q + 1) ^ 4 * p ^ 4 = q * p ^ 2 * (q + 1) * (q * p ^ 2 * (q + 1)) *
  (q * p ^ 2 * (q + 1) * (q * p ^ 2 * (q + 1))))%N by ring.
Qed.

End Causal.

Print Assumptions causal_quadruples.
Print Assumptions factorisations.
Print Assumptions causal_matrices.
Print Assumptions invertible_matrices.
