(** Optimal projection. Order 2: the distance to the class splits over the slices, so nearest rank-one slices make a
    nearest Monarch matrix, for any entrywise cost. A rank-one matrix made from a leading right singular vector is nearest
    (Eckart and Young, by completing a square). Order p: truncating split after split loses at most the sum of what each
    split loses alone. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages entry_formula.theorem.
From MonarchProofs Require Import rank_one_slices.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Projection.

Variables (K : numDomainType) (cost : K -> K) (m0 m1 n0 n1 : nat).

(** Cost of a difference, summed over the entries. *)
Definition distance m n (A M : 'M[K]_(m, n)) : K := \sum_i \sum_j cost (A i j - M i j).

Definition slice (A : 'M[K]_(m1 * m0, n0 * n1)) s a1 : 'M[K]_(m1, n0) := \matrix_(t, a0) A (join t s) (join a0 a1).

(** The distance to a Monarch matrix is the sum of the distances of the slices to rank-one matrices. *)
Theorem distance_splits (A : 'M[K]_(m1 * m0, n0 * n1)) (L : 'I_m0 -> 'M[K]_(m1, n1)) (B : 'I_n1 -> 'M[K]_(m0, n0)) :
  distance A (monarch2 L B) = \sum_s \sum_a1 distance (slice A s a1) (col a1 (L s) *m row s (B a1)).
Proof.
rewrite /distance big_join exchange_big; apply: eq_bigr => s _.
under eq_bigr => t _ do rewrite big_join exchange_big.
rewrite exchange_big; apply: eq_bigr => a1 _; apply: eq_bigr => t _; apply: eq_bigr => a0 _.
by rewrite entry_order2 !mxE big_ord1 !mxE.
Qed.

(** Main theorem. *)
Theorem optimal_projection (A : 'M[K]_(m1 * m0, n0 * n1)) (L : 'I_m0 -> 'M[K]_(m1, n1)) (B : 'I_n1 -> 'M[K]_(m0, n0)) :
  (forall s a1 (c : 'cV[K]_m1) (r : 'rV[K]_n0),
     distance (slice A s a1) (col a1 (L s) *m row s (B a1)) <= distance (slice A s a1) (c *m r)) ->
  forall L' B', distance A (monarch2 L B) <= distance A (monarch2 L' B').
Proof.
by move=> nearest L' B'; rewrite !distance_splits; apply: ler_sum => s _; apply: ler_sum => a1 _; apply: nearest.
Qed.

End Projection.

Section EckartYoung.

(** Numbers with a conjugation: the reals with the identity, or the complex numbers. *)
Variables (K : numFieldType) (conj : {rmorphism K -> K}).
Hypothesis conjK : involutive conj.
Hypothesis square_ge0 : forall z : K, 0 <= z * conj z.
Hypothesis square_eq0 : forall z : K, z * conj z = 0 -> z = 0.

(** |z|^2. *)
Definition square (z : K) : K := z * conj z.
Local Notation gap := (distance square).

Lemma conj_square z : conj (square z) = square z.
Proof. by rewrite rmorphM conjK mulrC. Qed.

Lemma squareB a b : square (a - b) = square a - a * conj b - b * conj a + square b.
Proof.
rewrite /square rmorphB mulrBr !mulrBl opprB -!addrA; congr (_ + _).
by rewrite [RHS]addrCA (addrC (b * conj b)).
Qed.

Definition length n (v : 'I_n -> K) : K := \sum_a square (v a).

Lemma length_ge0 n (v : 'I_n -> K) : 0 <= length v.
Proof. by apply: sumr_ge0 => a _; apply: square_ge0. Qed.

Lemma length_real n (v : 'I_n -> K) : conj (length v) = length v.
Proof. by rewrite rmorph_sum; apply: eq_bigr => a _; apply: conj_square. Qed.

(** The product of x with v, no conjugate. *)
Definition along n (x v : 'I_n -> K) : K := \sum_a x a * v a.

Lemma row_distance n (x v : 'I_n -> K) g :
  \sum_a square (x a - g * conj (v a)) = length x - along x v * conj g - g * conj (along x v) + square g * length v.
Proof.
rewrite /along /length rmorph_sum mulr_suml !mulr_sumr -!sumrB -big_split; apply: eq_bigr => a _ /=.
by rewrite squareB /square !rmorphM conjK (mulrA (x a)) (mulrAC _ (conj g)) -(mulrA g) (mulrC (conj (v a)) (conj (x a)))
  -mulrA mulrACA (mulrC (conj (v a)) (v a)).
Qed.

(** What a unit vector keeps, and what another multiple of it loses on top. *)
Lemma row_pythagoras n (x v : 'I_n -> K) g : length v = 1 ->
  \sum_a square (x a - g * conj (v a))
  = \sum_a square (x a - along x v * conj (v a)) + square (along x v - g).
Proof.
move=> unit; rewrite !row_distance unit !mulr1 squareB /square subrK.
by rewrite !addrA subrK.
Qed.

(** Bessel, or Cauchy and Schwarz: a unit vector sees at most the length. *)
Lemma along_bound n (x v : 'I_n -> K) : length v = 1 -> square (along x v) <= length x.
Proof.
move=> unit; have := row_pythagoras x 0 unit; rewrite subr0 => e.
have -> : length x = \sum_a square (x a - 0 * conj (v a)) by apply: eq_bigr => a _; rewrite mul0r subr0.
by rewrite e ler_addr sumr_ge0 // => a _; apply: square_ge0.
Qed.

(** The nearest rank-one matrix: v a unit vector that A stretches most, a leading right singular vector. *)
Definition stretched m n (A : 'M[K]_(m, n)) (v : 'I_n -> K) : K := \sum_t square (along (A t) v).
Definition leading m n (A : 'M[K]_(m, n)) (v : 'I_n -> K) : Prop :=
  length v = 1 /\ forall y : 'I_n -> K, stretched A y <= stretched A v * length y.

Definition truncated m n (A : 'M[K]_(m, n)) (v : 'I_n -> K) : 'M[K]_(m, n) :=
  \matrix_(t, a) (along (A t) v * conj (v a)).

Lemma truncated_distance m n (A : 'M[K]_(m, n)) v : length v = 1 ->
  gap A (truncated A v) = \sum_t length (A t) - stretched A v.
Proof.
move=> unit; rewrite -sumrB; apply: eq_bigr => t _.
under eq_bigr => a _ do rewrite mxE.
by rewrite row_distance unit mulr1 /square subrK.
Qed.

Theorem eckart_young m n (A : 'M[K]_(m, n)) v : leading A v ->
  forall (c : 'cV[K]_m) (r : 'rV[K]_n), gap A (truncated A v) <= gap A (c *m r).
Proof.
move=> [unit most] c r; rewrite truncated_distance //; pose y a := conj (r 0 a).
have -> : gap A (c *m r) = \sum_t \sum_a square (A t a - c t 0 * conj (y a)).
  by apply: eq_bigr => t _; apply: eq_bigr => a _; rewrite mxE big_ord1 /y conjK.
have stretch_ge0 : 0 <= stretched A v by apply: sumr_ge0 => t _; apply: square_ge0.
have [zero|nonzero] := eqVneq (length y) 0.
  rewrite ler_subl_addr; apply: ler_paddr => //; rewrite le_eqVlt; apply/orP; left; apply/eqP.
  apply: eq_bigr => t _; apply: eq_bigr => a _; suff -> : y a = 0 by rewrite rmorph0 mulr0 subr0.
  by apply: square_eq0; apply: (psumr_eq0P _ zero) => // b _; apply: square_ge0.
have pos : 0 < length y by rewrite lt_def nonzero length_ge0.
rewrite -(ler_pmul2l pos) mulrBr; apply: le_trans (_ : length y * (\sum_t length (A t)) - stretched A y <= _).
  by rewrite ler_add2l ler_opp2 mulrC.
rewrite !mulr_sumr /stretched -sumrB; apply: ler_sum => t _; rewrite row_distance.
set s := length y; set z := along _ _; set g := c t 0; have real : conj s = s by apply: length_real.
rewrite -subr_ge0 (_ : _ - _ = square (s * g - z)); first exact: square_ge0.
rewrite squareB {1 4}/square !rmorphM real -!/(square _).
rewrite mulrDr !mulrBr opprB addrCA.
have -> : s * (square g * s) = s * g * (s * conj g) by rewrite /square !mulrA mulrAC.
have -> : s * (z * conj g) = z * (s * conj g) by rewrite mulrCA.
have -> : s * (g * conj z) = s * g * conj z by rewrite mulrA.
have -> : square (s * g) = s * g * (s * conj g) by rewrite /square rmorphM real.
rewrite addrC; congr (_ + _); rewrite addrC !addrA addNr add0r.
by rewrite addrC addrA addrAC.
Qed.

(** The slices cut off split after split. At each slice of the first split take a leading vector v, keep v as the row of
    the first stage, and go on with what v sees of the slice, U[t, l] = A[(t, s), (., l)] v: a matrix of order one less. *)
Definition seen m n p q (A : 'M[K]_(p * m, n * q)) (v : 'I_m -> 'I_q -> 'I_n -> K) (s : 'I_m) : 'M[K]_(p, q) :=
  \matrix_(t, l) along (fun a => A (join t s) (join a l)) (v s l).

Definition first_slice m n p q (A : 'M[K]_(p * m, n * q)) (s : 'I_m) (l : 'I_q) : 'M[K]_(p, n) :=
  \matrix_(t, a) A (join t s) (join a l).

Fixpoint truncation r rs : 'M[K]_(outputs (r :: rs), inputs (r :: rs)) -> factors K (r :: rs) -> Prop :=
  match rs return 'M[K]_(outputs (r :: rs), inputs (r :: rs)) -> factors K (r :: rs) -> Prop with
  | [::] => fun A G => A = monarch G
  | r' :: rest => let: (m, n) := r in fun A G =>
      exists v : 'I_m -> 'I_(inputs (r' :: rest)) -> 'I_n -> K,
      [/\ forall s l, leading (first_slice A s l) (v s l),
          forall l, G.1 l = \matrix_(s, a) conj (v s l a)
        & forall s, truncation (seen A v s) (G.2 s)]
  end.

Lemma distance_slices m n p q (A B : 'M[K]_(p * m, n * q)) :
  gap A B = \sum_s \sum_l gap (first_slice A s l) (first_slice B s l).
Proof.
rewrite /distance big_join exchange_big; apply: eq_bigr => s _.
under eq_bigr => t _ do rewrite big_join exchange_big.
rewrite exchange_big; apply: eq_bigr => l _; apply: eq_bigr => t _; apply: eq_bigr => a _.
by rewrite !mxE.
Qed.

(** The minors of the slices of split k vanish: they have rank at most one. *)
Definition split_vanishes rs k (A : 'M[K]_(outputs rs, inputs rs)) : Prop :=
  forall (i i' : 'I_(outputs rs)) (j j' : 'I_(inputs rs)),
    same_rows rs k i i' -> same_columns rs k j j' -> minor A i i' j j' = 0.

Lemma first_split m n rest (B : 'M[K]_(outputs rest * m, n * inputs rest)) s l :
  @split_vanishes ((m, n) :: rest) 0 B -> exists c : 'cV[K]_(outputs rest), exists r, first_slice B s l = c *m r.
Proof.
move=> vanish; apply/rank_one_outer/rank_one_minors => t t' a a'; rewrite /minor !mxE.
apply: vanish; first by rewrite /same_rows /= take0 /= mul1n !modnMDl.
by rewrite /same_columns /= drop0 !modnMDl.
Qed.

Lemma later_split m n r rest k (B : 'M[K]_(outputs (r :: rest) * m, n * inputs (r :: rest))) v s :
  @split_vanishes ((m, n) :: r :: rest) k.+1 B -> @split_vanishes (r :: rest) k (seen B v s).
Proof.
set below := r :: rest in B v *; move=> vanish t t' l l' rows columns.
rewrite /minor !mxE [X in _ - X]mulrC /along !mulr_suml -sumrB big1 // => a _; rewrite !mulr_sumr -sumrB big1 // => a' _.
rewrite mulrACA [X in _ - X]mulrACA -mulrBl [X in _ - X]mulrC.
rewrite -/(minor B (join t s) (join t' s) (join a l) (join a' l')) vanish ?mul0r //.
  move: rows; rewrite /same_rows [take k.+2 _]/= [outputs (_ :: _)]/= -[outputs (take k.+1 below)]/(outputs _).
  set O := outputs (take k.+1 _).
  have split x (y : 'I_m) : ((x * m + y) %% (O * m) = (x %% O) * m + y)%N.
    rewrite {1}(divn_eq (_ %% _)%N m) -modn_divl divnMDl ?(leq_ltn_trans _ (ltn_ord y)) // divn_small // addn0.
    by rewrite modn_dvdm ?dvdn_mull // modnMDl (modn_small (ltn_ord y)).
  by move=> /eqP rows; rewrite !split rows.
move: columns; rewrite /same_columns -[drop k.+2 _]/(drop k.+1 below).
have d : (inputs (drop k.+1 below) %| inputs below)%N by apply: inputs_drop_all.
by rewrite !(modn_join _ _ d).
Qed.

(** What a unit vector sees of a difference is no longer than the difference. *)
Lemma seen_distance m n p q (A B : 'M[K]_(p * m, n * q)) (v : 'I_m -> 'I_q -> 'I_n -> K) :
  (forall s l, length (v s l) = 1) -> \sum_s gap (seen A v s) (seen B v s) <= gap A B.
Proof.
move=> unit; rewrite distance_slices; apply: ler_sum => s _.
rewrite [X in X <= _]/distance exchange_big; apply: ler_sum => l _; apply: ler_sum => t _.
rewrite !mxE /along -sumrB; apply: le_trans (along_bound _ (unit s l)) => //.
rewrite le_eqVlt; apply/orP; left; apply/eqP; congr square.
by apply: eq_bigr => a _; rewrite !mxE mulrBl.
Qed.

(** One step: what the truncation of the slices loses, and what is lost of the rest. *)
Lemma step_distance m n p q (A M : 'M[K]_(p * m, n * q)) (L : 'I_m -> 'M[K]_(p, q)) v :
  (forall s l, length (v s l) = 1) ->
  (forall s t a l, M (join t s) (join a l) = L s t l * conj (v s l a)) ->
  gap A M = \sum_s \sum_l gap (first_slice A s l) (truncated (first_slice A s l) (v s l))
            + \sum_s gap (seen A v s) (L s).
Proof.
move=> unit entry; rewrite -big_split distance_slices; apply: eq_bigr => s _ /=.
rewrite [X in _ + X]/distance [X in _ + X]exchange_big -big_split; apply: eq_bigr => l _ /=.
rewrite /distance -big_split; apply: eq_bigr => t _ /=.
under eq_bigr => a _ do rewrite !mxE entry.
rewrite (row_pythagoras (fun a => A (join t s) (join a l)) _ (unit s l)) mxE; congr (_ + _).
apply: eq_bigr => a _; rewrite !mxE; congr (square (_ - _ * _)).
by apply: eq_bigr => a' _; rewrite mxE.
Qed.

(** Main theorem, order p. *)
Theorem truncation_distance r rs (A : 'M[K]_(outputs (r :: rs), inputs (r :: rs))) (G : factors K (r :: rs)) :
  truncation A G -> forall B : nat -> 'M[K]_(outputs (r :: rs), inputs (r :: rs)),
  (forall k, (k < size rs)%N -> split_vanishes k (B k)) ->
  gap A (monarch G) <= \sum_(k < size rs) gap A (B k).
Proof.
elim: rs r A G => [|r' rest IH] [m n] A G.
  move=> -> B _; rewrite big_ord0 /distance big1 // => i _; rewrite big1 // => j _.
  by rewrite subrr /square mul0r.
set below := r' :: rest in A G *; move=> [v [lead rows later]] B splits.
have unit s l : length (v s l) = 1 by case: (lead s l).
rewrite (@step_distance m n _ _ A _ (fun s => @monarch K below (G.2 s)) v unit); last first.
  by move=> s t a l; rewrite [LHS](@entry_order2 K m _ n _ (fun s => @monarch K below (G.2 s)) G.1 t s a l) rows mxE.
rewrite big_ord_recl; apply: ler_add.
  rewrite distance_slices; apply: ler_sum => s _; apply: ler_sum => l _.
  have [c [w ->]] := @first_split m n below (B 0%N) s l (splits 0%N isT).
  exact: (eckart_young (lead s l) c w).
have each s : gap (seen A v s) (@monarch K below (G.2 s)) <= \sum_(k < size rest) gap (seen A v s) (seen (B k.+1) v s).
  apply: (IH r' (seen A v s) (G.2 s) (later s) (fun k => seen (B k.+1) v s)) => k lt.
  exact: (@later_split m n r' rest k (B k.+1) v s (splits k.+1 lt)).
apply: le_trans (ler_sum _ (fun s _ => each s)) _; rewrite exchange_big; apply: ler_sum => k _.
exact: seen_distance.
Qed.

(** The square root of p - 1: no Monarch matrix is nearer than 1 / (p - 1) of the squared distance. *)
Corollary quasi_optimal r rs (A : 'M[K]_(outputs (r :: rs), inputs (r :: rs))) (G G' : factors K (r :: rs)) :
  truncation A G -> gap A (monarch G) <= (size rs)%:R * gap A (monarch G').
Proof.
move=> trunc; have := @truncation_distance r rs A G trunc (fun _ => monarch G').
rewrite sumr_const card_ord mulr_natl; apply=> k lt i i' j j'.
by apply: (monarch_slices_vanish G').
Qed.

End EckartYoung.

(** The real numbers, or any ordered field, and the complex numbers. *)
Theorem eckart_young_real (R : realFieldType) m n (A : 'M[R]_(m, n)) v :
  leading [rmorphism of @idfun R] A v ->
  forall (c : 'cV[R]_m) (r : 'rV[R]_n),
  distance (square [rmorphism of @idfun R]) A (truncated [rmorphism of @idfun R] A v)
  <= distance (square [rmorphism of @idfun R]) A (c *m r).
Proof.
apply: eckart_young => // [z|z /eqP]; first exact: sqr_ge0.
by rewrite mulf_eq0 orbb => /eqP.
Qed.

Theorem eckart_young_complex (C : numClosedFieldType) m n (A : 'M[C]_(m, n)) v :
  leading (@conjC C) A v ->
  forall (c : 'cV[C]_m) (r : 'rV[C]_n),
  distance (square (@conjC C)) A (truncated (@conjC C) A v) <= distance (square (@conjC C)) A (c *m r).
Proof.
apply: eckart_young => [z|z|z /eqP]; [exact: conjCK | exact: mul_conjC_ge0 |].
by rewrite mul_conjC_eq0 => /eqP.
Qed.

Print Assumptions distance_splits.
Print Assumptions optimal_projection.
Print Assumptions eckart_young.
Print Assumptions truncation_distance.
Print Assumptions quasi_optimal.
Print Assumptions eckart_young_real.
Print Assumptions eckart_young_complex.
