(** Rounding in the 2-norm: a whole vector of sums, all in the same order; stage after stage; and a convolution by three
    transforms. Over any real closed field, with elementwise roundings 1 + d, |d| <= u. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum zmodp matrix.
From MonarchProofs Require Import foundations.identities foundations.points rounding.theorem conditioning.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Identities.

Variable F : fieldType.
Add Field F_field : (field_laws F).

Lemma gap_square (a b d : F) :
  a * b * (a * b - d) + a * b * (a * b - d) = b * b * (a * a) + - a * - a * (b * b) + (b * (- a * d) + b * (- a * d)).
Proof. by by_ring F. Qed.

Lemma reordered (a b d : F) : a + d + (d + b) = a + b + (d + d).
Proof. by by_ring F. Qed.

Lemma square_sum (a b : F) : (a + b) * (a + b) = a * a + b * b + (a * b + a * b).
Proof. by by_ring F. Qed.

Lemma parted_product (a b c d : F) : (a + b) * (c + d) = a * c + (c * b + (a * d + b * d)).
Proof. by by_ring F. Qed.

Lemma unscaled (r g a b k u : F) : r != 0 ->
  r^-1 * (a * (g * (r * k)) + (b * (g * (r * u)) + g * (r * k) * (g * (r * u))))
  = g * (a * k + b * u) + g * g * r * (k * u).
Proof. by move=> /eqP nonzero; by_field F. Qed.

Lemma gathered (i g m t : F) : i + (m * t + g * (t + m * t)) = i + (g + m + g * m) * t.
Proof. by by_ring F. Qed.

Lemma turned (a b c s : F) :
  (a * a + b * b + (a * a + b * b)) * (c * c + s * s)
    - ((c * a + s * b) * (c * a + s * b) + (s * a + c * b) * (s * a + c * b))
  = (c * a - s * b) * (c * a - s * b) + (s * a - c * b) * (s * a - c * b).
Proof. by by_ring F. Qed.

Lemma both (g c : F) : (1 + g) * (1 + c) - 1 = g + c * (1 + g).
Proof. by by_ring F. Qed.

End Identities.

Section Norm.

Variables (R : rcfType) (n : nat).
Implicit Types (x y z : 'cV[R]_n) (c : R).

(** ||x||_2, by its square. *)
Definition dot x y : R := \sum_i x i 0 * y i 0.
Definition squares x : R := dot x x.
Definition two x : R := Num.sqrt (squares x).

Lemma squares_ge0 x : 0 <= squares x.
Proof. by apply: sumr_ge0 => i _; rewrite -expr2 sqr_ge0. Qed.

Lemma two_ge0 x : 0 <= two x.
Proof. exact: sqrtr_ge0. Qed.

Lemma two_sqr x : two x * two x = squares x.
Proof. by rewrite -expr2 sqr_sqrtr // squares_ge0. Qed.

Lemma two_le x c : 0 <= c -> squares x <= c * c -> two x <= c.
Proof. by move=> c_ge0 le; rewrite -ler_sqr ?nnegrE ?two_ge0 // !expr2 two_sqr. Qed.

Lemma two_eq0 x : two x = 0 -> x = 0.
Proof.
move=> zero; have none : squares x = 0 by rewrite -two_sqr zero mul0r.
have all i : true -> x i 0 * x i 0 = 0.
  by move=> _; apply: (psumr_eq0P _ none) => // k _; rewrite -expr2 sqr_ge0.
by apply/colP => i; rewrite mxE; apply/eqP; have /eqP := all i isT; rewrite mulf_eq0 orbb.
Qed.

Lemma dotC x y : dot x y = dot y x.
Proof. by apply: eq_bigr => i _; rewrite mulrC. Qed.

Lemma dotDl x y z : dot (x + y) z = dot x z + dot y z.
Proof. by rewrite -big_split; apply: eq_bigr => i _; rewrite mxE mulrDl. Qed.

Lemma dotZl c x y : dot (c *: x) y = c * dot x y.
Proof. by rewrite /dot mulr_sumr; apply: eq_bigr => i _; rewrite mxE mulrA. Qed.

Lemma dot0l y : dot 0 y = 0.
Proof. by rewrite -(scale0r y) dotZl mul0r. Qed.

Lemma dot_suml I (s : seq I) (f : I -> 'cV[R]_n) y : dot (\sum_(i <- s) f i) y = \sum_(i <- s) dot (f i) y.
Proof. by elim: s => [|i s IH]; rewrite ?big_nil ?dot0l // !big_cons dotDl IH. Qed.

Lemma squaresD x y : squares (x + y) = squares x + squares y + (dot x y + dot x y).
Proof.
rewrite /squares dotDl (dotC x) (dotC y (x + y)) !dotDl (dotC y x); exact: reordered.
Qed.

Lemma squares_combination a c x y :
  squares (a *: x + c *: y) = a * a * squares x + c * c * squares y + (a * (c * dot x y) + a * (c * dot x y)).
Proof.
rewrite squaresD /squares !dotZl (dotC x (a *: x)) (dotC y (c *: y)) (dotC x (c *: y)) !dotZl.
by rewrite (dotC y x) !mulrA.
Qed.

(** Cauchy and Schwarz, and the triangle. *)
Lemma dot_le x y : dot x y <= two x * two y.
Proof.
have [zero|nonzero] := eqVneq (two x * two y) 0.
  rewrite zero; have : (two x == 0) || (two y == 0) by rewrite -mulf_eq0 zero.
  by move=> /orP [] /eqP /two_eq0 ->; rewrite ?dot0l ?(dotC x) ?dot0l.
have positive : 0 < two x * two y by rewrite lt_def nonzero mulr_ge0 ?two_ge0.
rewrite -subr_ge0 -(pmulr_rge0 _ positive) -(pmulr_rge0 _ (ltr0n R 2)) mulr_natl mulr2n gap_square.
by have := squares_ge0 (two y *: x + - two x *: y); rewrite squares_combination -!two_sqr.
Qed.

Lemma triangle x y : two (x + y) <= two x + two y.
Proof.
apply: two_le; first by rewrite addr_ge0 ?two_ge0.
rewrite squaresD (square_sum (two x)) !two_sqr ler_add2l; exact: ler_add (dot_le x y) (dot_le x y).
Qed.

Lemma two0 : two 0 = 0.
Proof. by rewrite /two /squares dot0l sqrtr0. Qed.

Lemma twoN x : two (- x) = two x.
Proof. by rewrite /two /squares -scaleN1r dotZl dotC dotZl !mulN1r opprK. Qed.

(** A vector whose elements are at most c times those of another one, each. *)
Lemma two_near x y c : 0 <= c -> (forall i, `|x i 0| <= c * `|y i 0|) -> two x <= c * two y.
Proof.
move=> c_ge0 near; apply: two_le; first by rewrite mulr_ge0 ?two_ge0.
rewrite mulrACA two_sqr /squares /dot mulr_sumr; apply: ler_sum => i _.
by rewrite -!expr2 -exprMn -[x i 0 ^+ 2]real_normK ?num_real // -[(c * _) ^+ 2]real_normK ?num_real //
  normrM (ger0_norm c_ge0) ler_sqr ?nnegrE ?mulr_ge0 ?normr_ge0.
Qed.

End Norm.

(** One vector of sums: entry i of all of them is added up in the same order. A term f j is off by at most u r j, element
    by element; r j = 0 where nothing is rounded, and |f j| where a product is. *)
Section Sums.

Variables (R : rcfType) (n : nat) (I : eqType) (u : R).
Hypothesis u_ge0 : 0 <= u.

Definition rounding (d x : 'cV[R]_n) : 'cV[R]_n := \col_i ((1 + d i 0) * x i 0).

Inductive summation : Type := Term of I & 'cV[R]_n | Added of summation & summation & 'cV[R]_n.

Fixpoint terms t : seq I := match t with Term j _ => [:: j] | Added a b _ => terms a ++ terms b end.
Fixpoint additions t : nat := match t with Term _ _ => 0 | Added a b _ => (additions a + additions b).+1 end.

Lemma terms_additions t : size (terms t) = (additions t).+1.
Proof. by elim: t => //= a IHa b IHb _; rewrite size_cat IHa IHb addSn addnS. Qed.

Section Terms.

Variables f r : I -> 'cV[R]_n.
Implicit Types d x y : 'cV[R]_n.

Definition true_sum t : 'cV[R]_n := \sum_(j <- terms t) f j.
Definition rounds t : 'cV[R]_n := \sum_(j <- terms t) r j.
Fixpoint rounded_sum t : 'cV[R]_n :=
  match t with Term j e => f j + e | Added a b d => rounding d (rounded_sum a + rounded_sum b) end.
Fixpoint off_by_u t : Prop :=
  match t with
  | Term j e => forall i, `|e i 0| <= u * r j i 0
  | Added a b d => [/\ off_by_u a, off_by_u b & forall i, `|d i 0| <= u]
  end.

(** No partial sum is longer than C. *)
Fixpoint partial (C : R) t : Prop :=
  match t with Term _ _ => True | Added a b _ => [/\ partial C a, partial C b & two (true_sum t) <= C] end.

Lemma roundingD d x y : rounding d (x + y) = rounding d x + rounding d y.
Proof. by apply/colP => i; rewrite !mxE mulrDr. Qed.

Lemma one_more (d : R) : `|d| <= u -> `|1 + d| <= 1 + u.
Proof. by move=> small; apply: le_trans (ler_norm_add _ _) _; rewrite normr1 ler_add2l. Qed.

Lemma base_ge0 : 0 <= 1 + u.
Proof. by rewrite addr_ge0 ?ler01. Qed.

Lemma two_rounding d x : (forall i, `|d i 0| <= u) -> two (rounding d x) <= (1 + u) * two x.
Proof.
move=> small; apply: two_near base_ge0 _ => i; rewrite mxE normrM.
by apply: ler_pmul => //; apply: one_more.
Qed.

Lemma two_rounded d x : (forall i, `|d i 0| <= u) -> two (rounding d x - x) <= u * two x.
Proof.
move=> small; apply: two_near => // i; rewrite !mxE mulrDl mul1r addrAC subrr add0r normrM.
by apply: ler_pmul.
Qed.

Hypothesis r_ge0 : forall j i, 0 <= r j i 0.

Lemma growth_step (k l : nat) (C : R) : 0 <= C ->
  (1 + u) * (growth u k * C + growth u l * C) + u * C <= growth u (k + l).+1 * C.
Proof.
move=> C_ge0; rewrite -mulrDl mulrA -mulrDl; apply: ler_wpmul2r => //.
rewrite (_ : growth u (k + l).+1 = (1 + u) * growth u (k + l) + u); last first.
  by rewrite /growth exprS mulrBr mulr1 opprD addrA subrK.
rewrite ler_add2r ler_wpmul2l ?base_ge0 // -growth_mul -addrA ler_addr.
by rewrite mulr_ge0 // growth_ge0.
Qed.

Lemma power_step (k l : nat) (a b : R) : 0 <= a -> 0 <= b ->
  (1 + u) * ((1 + u) ^+ k * u * a + (1 + u) ^+ l * u * b) <= (1 + u) ^+ (k + l).+1 * u * (a + b).
Proof.
move=> a_ge0 b_ge0; rewrite exprS -!mulrA ler_wpmul2l ?base_ge0 // (mulrDr u) mulrDr.
have up m m' c : (m <= m')%N -> 0 <= c -> (1 + u) ^+ m * (u * c) <= (1 + u) ^+ m' * (u * c).
  move=> le c_ge0; apply: ler_wpmul2r; first exact: mulr_ge0.
  by apply: ler_weexpn2l => //; rewrite ler_addl.
by apply: ler_add; apply: up; rewrite ?leq_addr ?leq_addl.
Qed.

Lemma rounds_ge0 t i : 0 <= rounds t i 0.
Proof. by rewrite summxE; apply: sumr_ge0 => j _; apply: r_ge0. Qed.

Lemma errors_apart C t : 0 <= C -> off_by_u t -> partial C t ->
  exists p, exists q, [/\ rounded_sum t = true_sum t + (p + q), two p <= growth u (additions t) * C &
    forall i, `|q i 0| <= (1 + u) ^+ additions t * u * rounds t i 0].
Proof.
move=> C_ge0; elim: t => [j e off _|a IHa b IHb d [off_a off_b small] [part_a part_b le_C]] /=.
  exists 0; exists e; split; first by rewrite add0r /true_sum big_seq1.
    by rewrite two0 /growth expr0 subrr mul0r.
  by move=> i; rewrite expr0 mul1r /rounds big_seq1.
have [pa [qa [-> le_pa le_qa]]] := IHa off_a part_a.
have [pb [qb [-> le_pb le_qb]]] := IHb off_b part_b.
set x := true_sum (Added a b d).
have split : true_sum a + (pa + qa) + (true_sum b + (pb + qb)) = x + ((pa + pb) + (qa + qb)).
  by rewrite addrACA [pa + qa + _]addrACA /x /true_sum big_cat.
exists (rounding d x - x + rounding d (pa + pb)); exists (rounding d (qa + qb)); split.
- rewrite split (roundingD d x) (roundingD d (pa + pb)) !addrA; do 2 congr (_ + _).
  by rewrite addrAC subrr add0r.
- apply: le_trans (triangle _ _) _; rewrite addrC; apply: le_trans (growth_step _ _ C_ge0); apply: ler_add.
    apply: le_trans (two_rounding _ small) _; apply: ler_wpmul2l; first exact: base_ge0.
    by apply: le_trans (triangle _ _) _; apply: ler_add.
  by apply: le_trans (two_rounded _ small) _; apply: ler_wpmul2l.
move=> i; rewrite /rounds big_cat !mxE normrM; apply: le_trans (power_step _ _ (rounds_ge0 a i) (rounds_ge0 b i)).
apply: ler_pmul => //; first exact: one_more.
by apply: le_trans (ler_norm_add _ _) _; apply: ler_add.
Qed.

(** Main theorem: additions count beside the longest partial sum, products beside their moduli, added up. *)
Theorem sum_in_norm C t : 0 <= C -> off_by_u t -> partial C t ->
  two (rounded_sum t - true_sum t) <= growth u (additions t) * C + (1 + u) ^+ additions t * u * two (rounds t).
Proof.
move=> C_ge0 off part; have [p [q [-> le_p le_q]]] := errors_apart C_ge0 off part.
rewrite addrC addKr; apply: le_trans (triangle _ _) _; apply: ler_add => //.
have c_ge0 : 0 <= (1 + u) ^+ additions t * u by rewrite mulr_ge0 ?exprn_ge0 ?base_ge0.
apply: two_near => // i; apply: le_trans (le_q i) _; apply: ler_wpmul2l => //; exact: ler_norm.
Qed.

(** Terms that are orthogonal, each taken once: no partial sum is longer than all terms together. *)
Hypothesis orthogonal : forall j k, j != k -> dot (f j) (f k) = 0.

Lemma pythagoras (s : seq I) : uniq s -> squares (\sum_(j <- s) f j) = \sum_(j <- s) squares (f j).
Proof.
elim: s => [|j s IH] /=; first by rewrite !big_nil /squares dot0l.
move=> /andP [out once]; have none : \sum_(k <- s) dot (f k) (f j) = 0.
  by apply: big1_seq => k /andP [_ in_s]; apply: orthogonal; apply: contraNneq out => <-.
by rewrite !big_cons squaresD IH // dotC dot_suml none !addr0.
Qed.

Theorem orthogonal_partial C t : 0 <= C -> uniq (terms t) -> \sum_(j <- terms t) squares (f j) <= C * C -> partial C t.
Proof.
move=> C_ge0; have sums_ge0 (s : seq I) : 0 <= \sum_(j <- s) squares (f j).
  by apply: sumr_ge0 => j _; apply: squares_ge0.
elim: t => [//|a IHa b IHb d] /= once le; split.
- by apply: IHa; [move: once; rewrite cat_uniq => /and3P [] | apply: le_trans le; rewrite big_cat ler_addl].
- by apply: IHb; [move: once; rewrite cat_uniq => /and3P [] | apply: le_trans le; rewrite big_cat ler_addr].
by apply: two_le => //; rewrite pythagoras.
Qed.

End Terms.

(** Tables that are off: partial sums of f + g are no longer than those of f and those of g together. *)
Theorem partial_add f g C D t : partial f C t -> partial g D t -> partial (fun j => f j + g j) (C + D) t.
Proof.
elim: t => [//|a IHa b IHb d] [fa fb f_le] [ga gb g_le]; split; [exact: IHa | exact: IHb |].
by rewrite /true_sum big_split; apply: le_trans (triangle _ _) _; apply: ler_add.
Qed.

(** Products of a row of a matrix with x: their moduli come to at most the Frobenius norm of what is rounded. *)
Definition frobenius m (B : 'M[R]_(n, m)) : R := Num.sqrt (\sum_i \sum_l B i l * B i l).

Lemma frobenius_bound m (B : 'M[R]_(n, m)) (x : 'cV[R]_m) (z : 'cV[R]_n) :
  (forall i, 0 <= z i 0 <= \sum_l B i l * `|x l 0|) -> two z <= frobenius B * two x.
Proof.
move=> le; apply: two_le; first by rewrite mulr_ge0 ?sqrtr_ge0 ?two_ge0.
have total_ge0 : 0 <= \sum_i \sum_l B i l * B i l.
  by apply: sumr_ge0 => i _; apply: sumr_ge0 => l _; rewrite -expr2 sqr_ge0.
rewrite mulrACA two_sqr -expr2 sqr_sqrtr // mulr_suml; apply: ler_sum => i _.
have /andP [z_ge0 le_z] := le i; pose b := \col_l B i l; pose a := \col_l `|x l 0|.
have same : \sum_l B i l * B i l = squares b by apply: eq_bigr => l _; rewrite !mxE.
have moduli : squares x = squares a by apply: eq_bigr => l _; rewrite !mxE -!expr2 real_normK ?num_real.
have le_ba : z i 0 <= two b * two a.
  by apply: le_trans le_z (le_trans _ (dot_le b a)); apply: ler_sum => l _; rewrite !mxE.
by rewrite same moduli -!two_sqr mulrACA; apply: ler_pmul.
Qed.

Theorem stage_in_norm m (B : 'M[R]_(n, m)) (x : 'cV[R]_m) (f r : I -> 'cV[R]_n) s t :
  0 <= s -> (forall j i, 0 <= r j i 0) -> off_by_u r t -> partial f (s * two x) t ->
  (forall i, rounds r t i 0 <= \sum_l B i l * `|x l 0|) ->
  two (rounded_sum f t - true_sum f t)
    <= (growth u (additions t) * s + (1 + u) ^+ additions t * u * frobenius B) * two x.
Proof.
move=> s_ge0 r_ge0 off part le; have C_ge0 : 0 <= s * two x by rewrite mulr_ge0 ?two_ge0.
apply: le_trans (sum_in_norm r_ge0 C_ge0 off part) _; rewrite mulrDl -!mulrA ler_add2l.
rewrite ler_wpmul2l ?exprn_ge0 ?base_ge0 // ler_wpmul2l // frobenius_bound // => i.
by rewrite (rounds_ge0 r_ge0) le.
Qed.

End Sums.

(** A complex product by c + is of modulus one: two parts of two products each, whose moduli come to at most sqrt 2 of
    that of the result, and one addition. *)
Theorem complex_product (R : realFieldType) (a b c s : R) : c * c + s * s = 1 ->
  (`|c| * `|a| + `|s| * `|b|) ^+ 2 + (`|s| * `|a| + `|c| * `|b|) ^+ 2 <= (a ^+ 2 + b ^+ 2) *+ 2.
Proof.
move=> one; have moduli (x : R) : x ^+ 2 = `|x| * `|x| by rewrite -expr2 real_normK ?num_real.
have one' : `|c| * `|c| + `|s| * `|s| = 1 by rewrite -!moduli !expr2.
rewrite (moduli a) (moduli b) -(mulr1 (_ *+ 2)) -one' -subr_ge0 mulr2n !expr2.
by rewrite turned; apply: addr_ge0; rewrite -expr2 sqr_ge0.
Qed.

(** Stage after stage: y true, z computed; every stage lengthens by s at most, and is off by c s beside what it is
    given. *)
Section Stages.

Variables (R : rcfType) (n : nat).
Implicit Types x y z e : 'cV[R]_n.

Inductive staged : R -> R -> 'cV[R]_n -> 'cV[R]_n -> 'cV[R]_n -> Prop :=
  | Given x : staged 1 0 x x x
  | Stage s g s' c x y z (A : 'M[R]_n) e : staged s g x y z -> 0 <= s' -> 0 <= c ->
      (forall v, two (A *m v) <= s' * two v) -> two e <= c * (s' * two z) ->
      staged (s' * s) ((1 + g) * (1 + c) - 1) x (A *m y) (A *m z + e).

Theorem stages_in_norm s g x y z : staged s g x y z ->
  [/\ 0 <= s, 0 <= g, two y <= s * two x & two (z - y) <= g * (s * two x)].
Proof.
elim=> {s g x y z} [x|s g s' c x y z A e _ [s_ge0 g_ge0 le_y near] s'_ge0 c_ge0 above le_e].
  by split; rewrite ?ler01 ?mul1r ?subrr ?two0 ?mul0r.
have sx_ge0 : 0 <= s * two x by rewrite mulr_ge0 ?two_ge0.
rewrite both; split; [exact: mulr_ge0 | | |].
- by rewrite addr_ge0 // mulr_ge0 // addr_ge0 ?ler01.
- by rewrite -mulrA; apply: le_trans (above y) _; apply: ler_wpmul2l.
have le_z : two z <= (1 + g) * (s * two x).
  rewrite -(subrK y z) addrC mulrDl mul1r; apply: le_trans (triangle _ _) _; exact: ler_add.
rewrite addrAC -mulmxBr mulrDl; apply: le_trans (triangle _ _) _; apply: ler_add.
  by apply: le_trans (above _) _; rewrite -mulrA mulrCA; apply: ler_wpmul2l.
apply: le_trans le_e _; rewrite -!mulrA; apply: ler_wpmul2l => //.
by rewrite mulrCA; apply: ler_wpmul2l.
Qed.

End Stages.

(** A convolution by transforms, over the complex numbers: K and U transformed, off by dK and dU; their product, off by
    e; transformed back, off by d. The transforms are root and 1/root times isometries. *)
Section Convolution.

Variables (C : numClosedFieldType) (n : nat).
Local Notation norm := (@conditioning.theorem.length C n).

Definition by_element (a b : 'cV[C]_n) : 'cV[C]_n := \col_i (a i 0 * b i 0).

Lemma by_elementC a b : by_element a b = by_element b a.
Proof. by apply/colP => i; rewrite !mxE mulrC. Qed.

Lemma by_elementDl a b c : by_element (a + b) c = by_element a c + by_element b c.
Proof. by apply/colP => i; rewrite !mxE mulrDl. Qed.

Lemma by_element_sup (a b : 'cV[C]_n) (c : C) :
  0 <= c -> (forall i, `|a i 0| <= c) -> norm (by_element a b) <= c * norm b.
Proof.
move=> c_ge0 le; rewrite length_le // /conditioning.theorem.squares mulr_sumr; apply: ler_sum => i _.
by rewrite mxE normrM exprMn ler_wpmul2r ?exprn_ge0 // ler_expn2r ?nnegrE.
Qed.

Lemma entry_norm (a : 'cV[C]_n) i : `|a i 0| <= norm a.
Proof.
rewrite -(ler_pexpn2r (_ : 0 < 2)%N) ?nnegrE ?length_ge0 // length_sqr.
by rewrite /conditioning.theorem.squares (bigD1 i) //= ler_addl sumr_ge0 // => k _; rewrite exprn_ge0.
Qed.

Variables (root g m most_K most_U : C) (k u : C) (K U dK dU e d : 'cV[C]_n) (B : 'M[C]_n).
Hypotheses (root_gt0 : 0 < root) (g_ge0 : 0 <= g) (m_ge0 : 0 <= m) (K_ge0 : 0 <= most_K) (U_ge0 : 0 <= most_U).
Hypothesis back : forall x, norm (B *m x) = root^-1 * norm x.
Hypotheses (le_K : forall i, `|K i 0| <= most_K) (le_U : forall i, `|U i 0| <= most_U).
Hypotheses (off_K : norm dK <= g * (root * k)) (off_U : norm dU <= g * (root * u)).
Let P := by_element (K + dK) (U + dU).
Hypotheses (off_P : norm e <= m * norm P) (off_B : norm d <= g * (root^-1 * norm (P + e))).
Variable image : C.
Hypothesis le_image : norm (B *m by_element K U) <= image.

Definition into : C := g * (most_U * k + most_K * u) + g * g * root * (k * u).

Let root_ge0 : 0 <= root^-1. Proof. by rewrite invr_ge0 ltW. Qed.

Lemma parts : P = by_element K U + (by_element U dK + (by_element K dU + by_element dK dU)).
Proof. by apply/colP => i; rewrite !mxE parted_product. Qed.

Lemma came_in : norm (B *m (P - by_element K U)) <= into.
Proof.
rewrite parts [by_element K U + _]addrC addrK back.
have le_dK i : `|dK i 0| <= g * (root * k) by apply: le_trans (entry_norm dK i) off_K.
have dK_ge0 : 0 <= g * (root * k) by apply: le_trans (length_ge0 dK) off_K.
have first : norm (by_element U dK) <= most_U * (g * (root * k)).
  by apply: le_trans (by_element_sup _ U_ge0 le_U) _; apply: ler_wpmul2l.
have second : norm (by_element K dU) <= most_K * (g * (root * u)).
  by apply: le_trans (by_element_sup _ K_ge0 le_K) _; apply: ler_wpmul2l.
have third : norm (by_element dK dU) <= g * (root * k) * (g * (root * u)).
  by apply: le_trans (by_element_sup _ dK_ge0 le_dK) _; apply: ler_wpmul2l.
have rest := le_trans (conditioning.theorem.triangle _ _) (ler_add second third).
have all := le_trans (conditioning.theorem.triangle _ _) (ler_add first rest).
apply: le_trans (ler_wpmul2l root_ge0 all) _.
by rewrite /into unscaled ?gt_eqF // ler_add.
Qed.

Let total := image + into.

Lemma le_P : root^-1 * norm P <= total.
Proof.
rewrite -back -(subrK (by_element K U) P) mulmxDr addrC.
by apply: le_trans (conditioning.theorem.triangle _ _) _; apply: ler_add le_image came_in.
Qed.

Theorem convolution_in_norm :
  norm (B *m (P + e) + d - B *m by_element K U) <= into + (g + m + g * m) * total.
Proof.
have -> : B *m (P + e) + d - B *m by_element K U = B *m (P - by_element K U) + (B *m e + d).
  by rewrite mulmxDr mulmxBr -!addrA; congr (_ + _); rewrite addrA [RHS]addrC.
have le_e : root^-1 * norm e <= m * total.
  by apply: le_trans (ler_wpmul2l root_ge0 off_P) _; rewrite mulrCA ler_wpmul2l // le_P.
have le_d : norm d <= g * (total + m * total).
  apply: le_trans off_B _; apply: ler_wpmul2l => //.
  apply: le_trans (ler_wpmul2l root_ge0 (conditioning.theorem.triangle _ _)) _.
  by rewrite mulrDr; apply: ler_add le_P le_e.
rewrite -gathered; apply: le_trans (conditioning.theorem.triangle _ _) _; apply: ler_add; first exact: came_in.
by apply: le_trans (conditioning.theorem.triangle _ _) _; apply: ler_add => //; rewrite back.
Qed.

End Convolution.

Print Assumptions sum_in_norm.
Print Assumptions orthogonal_partial.
Print Assumptions partial_add.
Print Assumptions stage_in_norm.
Print Assumptions complex_product.
Print Assumptions stages_in_norm.
Print Assumptions convolution_in_norm.
