(** Deciders that compute, on lists of integers or of polynomials in a root of unity, and what they decide over a field of
    the characteristic they are told: whether a Monarch operator is causal, given the inverse of M0; whether a matrix is
    Monarch, given its factors or a minor; whether a kernel is off by more than roundings come to. A certificate is
    checked by running them. *)
From Coq Require Import ZArith Lia.
From mathcomp Require Import all_ssreflect order ssralg ssrnum poly zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages foundations.operator.
From MonarchProofs Require Import foundations.scalars foundations.roots.
From MonarchProofs Require Import entry_formula.theorem rank_one_slices.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** Computation. *)

Section Computation.

Variable S : scalars.

Definition vector := seq S.
Definition table := seq vector.

Fixpoint dot (a b : vector) : S :=
  match a, b with
  | x :: a', y :: b' => add (multiply x y) (dot a' b')
  | _, _ => zero S
  end.

Fixpoint entrywise (a b : vector) : vector :=
  match a, b with
  | x :: a', y :: b' => normal (multiply x y) :: entrywise a' b'
  | _, _ => [::]
  end.

Definition line (A : table) i : vector := nth [::] A i.
Definition square_table N (A : table) : bool := (size A == N) && all (fun r => size r == N) A.

(** A is d times the inverse of the matrix with columns C. *)
Definition inverseb N (A C : table) (d : S) : bool :=
  [&& square_table N A, square_table N C, differs (one S) d &
   all (fun i => all (fun j =>
     vanishes (subtract (dot (line A i) (line C j)) (if i == j then d else zero S))) (iota 0 N)) (iota 0 N)].

(** A row of A times the product of column j' of M1 and column j of M2. *)
Definition vanishing_rows (A : table) k (product : vector) : bool :=
  all (fun i => vanishes (dot (line A i) product)) (iota 0 k).

(** Of all j, j' < n, the rows 0 ... j - 1. *)
Definition causalb N n (A C1 C2 : table) : bool :=
  [&& square_table N C1, square_table N C2, n <= N &
   all (fun j => all (fun j' => vanishing_rows A j (entrywise (line C1 j') (line C2 j))) (iota 0 n)) (iota 0 n)]%N.

(** Where M1 and M2 are one, half of the pairs are enough. *)
Definition causal_symmetricb N n (A C : table) : bool :=
  [&& square_table N C, n <= N &
   all (fun j => all (fun j' => vanishing_rows A j (entrywise (line C j') (line C j))) (iota 0 j.+1)) (iota 0 n)]%N.

(** One entry that is not zero, as w shows, refutes it. *)
Definition leakb N n (A C1 C2 : table) i j j' (w : S) : bool :=
  [&& square_table N C1, square_table N C2, n <= N, i < j, j < n, j' < n &
   differs w (dot (line A i) (entrywise (line C1 j') (line C2 j)))]%N.

Definition cell (A : table) i j : S := nth (zero S) (line A i) j.

(** What stage k reads of an index: i mod M_{k+1} and j mod N_k. *)
Definition stage_sizes (rs : radices) : seq (nat * nat) :=
  [seq (outputs (take k.+1 rs), inputs (drop k rs)) | k <- iota 0 (size rs)].

Fixpoint stage_product (g : seq table) (sizes : seq (nat * nat)) i j : S :=
  if sizes is (M, n) :: sizes' then
    normal (multiply (cell (head [::] g) (i %% M)%N (j %% n)%N) (stage_product (behead g) sizes' i j))
  else one S.

(** A, by rows, has the entries prod_k g_k[i mod M_{k+1}][j mod N_k]. *)
Definition memberb (rs : radices) (A : table) (g : seq table) : bool :=
  let sizes := stage_sizes rs in
  all (fun i => all (fun j => vanishes (subtract (cell A i j) (stage_product g sizes i j))) (iota 0 (inputs rs)))
    (iota 0 (outputs rs)).

(** Rows i, i' and columns j, j' of one slice of split k make a minor that is not zero, as w shows. *)
Definition refutedb (rs : radices) (A : table) k i i' j j' (w : S) : bool :=
  [&& k.+1 < size rs, i < outputs rs, i' < outputs rs, j < inputs rs, j' < inputs rs,
      same_rows rs k i i', same_columns rs k j j' &
      differs w (subtract (multiply (cell A i j) (cell A i' j')) (multiply (cell A i j') (cell A i' j)))]%N.

End Computation.

(** What the computation means. *)

Section Meaning.

Variables (S : scalars) (F : fieldType) (value : S -> F).
Hypothesis means : meaning value.

Let value_zero := value_zero means.
Let value_add := value_add means.
Let value_subtract := value_subtract means.
Let value_multiply := value_multiply means.
Let value_normal := value_normal means.

(** Lists as matrices, by rows and by columns. *)

Definition entry_of (r : vector S) i : F := value (nth (zero S) r i).

Definition rows N (A : table S) : 'M[F]_N := \matrix_(i, j) entry_of (line A i) j.
Definition columns N (A : table S) : 'M[F]_N := \matrix_(i, j) entry_of (line A j) i.

Lemma dotE N a b : size a = N -> size b = N -> value (dot a b) = \sum_(l < N) entry_of a l * entry_of b l.
Proof.
elim: a b N => [|x a IH] [|y b] [|N] //=; [by rewrite big_ord0 | move=> [size_a] [size_b]].
by rewrite value_add value_multiply big_ord_recl (IH _ N).
Qed.

Lemma size_entrywise N a b : size a = N -> size b = N -> size (@entrywise S a b) = N.
Proof. by elim: a b N => [|x a IH] [|y b] [|N] //= [size_a] [size_b]; rewrite (IH _ N). Qed.

Lemma entrywiseE N a b l : size a = N -> size b = N -> entry_of (entrywise a b) l = entry_of a l * entry_of b l.
Proof.
rewrite /entry_of; elim: a b N l => [|x a IH] [|y b] [|N] l //= => [_ _|[size_a] [size_b]].
  by rewrite !nth_nil value_zero mul0r.
by case: l => [|l] /=; [rewrite value_normal value_multiply | apply: (IH _ N)].
Qed.

Lemma size_line N (A : table S) i : square_table N A -> (i < N)%N -> size (line A i) = N.
Proof.
move=> /andP [/eqP size_A /(all_nthP [::]) lines] lt; apply/eqP; apply: lines.
by rewrite size_A.
Qed.

Lemma all_iota (P : pred nat) k : reflect (forall i, (i < k)%N -> P i) (all P (iota 0 k)).
Proof.
apply: (iffP allP) => [each i lt|each i]; first by apply: each; rewrite mem_iota.
by rewrite mem_iota; apply: each.
Qed.

Section Operator.

Variables (N n : nat) (A C0 C1 C2 : table S) (d : S).

Lemma value_delta (i j : 'I_N) : value (if (i == j :> nat) then d else zero S) = value d * (i == j)%:R.
Proof. by rewrite val_eqE; case: eqP; rewrite ?mulr1 ?mulr0. Qed.

(** The inverse is right. *)
Theorem inverseb_correct :
  inverseb N A C0 d -> columns N C0 \in unitmx /\ invmx (columns N C0) = (value d)^-1 *: rows N A.
Proof.
move=> /and4P [square_A square_C /(value_differs means) d_unit /all_iota check].
have product : ((value d)^-1 *: rows N A) *m columns N C0 = 1%:M.
  rewrite -scalemxAl; apply: (scalerI d_unit); rewrite scalerA mulfV // scale1r; apply/matrixP => i j.
  have /all_iota /(_ j (ltn_ord j)) /(value_vanishes means) := check i (ltn_ord i).
  rewrite value_subtract value_delta (dotE (size_line square_A (ltn_ord i)) (size_line square_C (ltn_ord j))).
  move=> /eqP; rewrite subr_eq0 => /eqP; rewrite !mxE => <-.
  by apply: eq_bigr => l _; rewrite !mxE.
have [_ unit] := mulmx1_unit product; split=> //.
by rewrite -[LHS]mul1mx -product -mulmxA mulmxV // mulmx1.
Qed.

Section Decision.

Hypothesis inverse : inverseb N A C0 d.
Hypothesis square1 : square_table N C1.
Hypothesis square2 : square_table N C2.

Lemma tensor_zero (i j j' : 'I_N) :
  tensor (columns N C0) (columns N C1) (columns N C2) i j j' = 0 <->
  value (dot (line A i) (entrywise (line C1 j') (line C2 j))) = 0.
Proof.
have [unit inverseE] := inverseb_correct inverse.
have /and4P [square_A _ /(value_differs means) d_unit _] := inverse.
have s1 := size_line square1 (ltn_ord j'); have s2 := size_line square2 (ltn_ord j).
rewrite tensorE inverseE -scalemxAl mxE.
rewrite (dotE (size_line square_A (ltn_ord i)) (size_entrywise s1 s2)).
have -> : \sum_(l < N) entry_of (line A i) l * entry_of (entrywise (line C1 j') (line C2 j)) l
    = (rows N A *m \col_l (columns N C1 l j' * columns N C2 l j)) i 0.
  by rewrite mxE; apply: eq_bigr => l _; rewrite !mxE (entrywiseE _ s1 s2).
split=> [/eqP|->]; last by rewrite mulr0.
by rewrite mulf_eq0 invr_eq0 (negbTE d_unit) => /eqP.
Qed.

(** What the decider calls causal is. *)
Theorem causalb_correct :
  causalb N n A C1 C2 -> causal n (columns N C0) (columns N C1) (columns N C2).
Proof.
case/and4P => _ _ le_n /all_iota check; apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij; apply/tensor_zero.
apply: (value_vanishes means).
by have /all_iota /(_ j' lt_j') /all_iota := check j lt_j; apply.
Qed.

(** Where the test decides, so does the decider. *)
Theorem causalb_complete : (forall x, value x = 0 -> vanishes x) -> (n <= N)%N ->
  causal n (columns N C0) (columns N C1) (columns N C2) -> causalb N n A C1 C2.
Proof.
move=> complete le_n /causal_tensor check; rewrite /causalb square1 square2 le_n /=.
apply/all_iota => j lt_j; apply/all_iota => j' lt_j'; apply/all_iota => i lt_i.
have j_N := leq_trans lt_j le_n; have j'_N := leq_trans lt_j' le_n; have i_N := ltn_trans lt_i j_N.
apply/complete/(tensor_zero (Ordinal i_N) (Ordinal j_N) (Ordinal j'_N)); apply: check => //=.
exact: ltn_trans lt_i lt_j.
Qed.

Theorem leakb_correct i j j' w :
  leakb N n A C1 C2 i j j' w -> ~ causal n (columns N C0) (columns N C1) (columns N C2).
Proof.
case/and3P=> _ _ /and5P [le_n lt_ij lt_j lt_j' /(value_differs means) nonzero] /causal_tensor vanish.
have j_N := leq_trans lt_j le_n; have j'_N := leq_trans lt_j' le_n; have i_N := ltn_trans lt_ij j_N.
move: nonzero; apply/negP/negPn/eqP/(tensor_zero (Ordinal i_N) (Ordinal j_N) (Ordinal j'_N)).
by apply: vanish => //=; apply: ltn_trans lt_ij lt_j.
Qed.

End Decision.

End Operator.

Theorem causal_symmetricb_correct N n A C0 C d :
  inverseb N A C0 d -> causal_symmetricb N n A C -> causal n (columns N C0) (columns N C) (columns N C).
Proof.
move=> inverse /and3P [square_C le_n /all_iota check]; apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij.
have [le|lt] := leqP j' j.
  apply/(tensor_zero inverse square_C square_C)/(value_vanishes means).
  by have /all_iota /(_ j' le) /all_iota := check j lt_j; apply.
have -> : tensor (columns N C0) (columns N C) (columns N C) i j j'
        = tensor (columns N C0) (columns N C) (columns N C) i j' j.
  by rewrite !tensorE; congr ((_ *m _) i 0); apply/colP => l; rewrite !mxE mulrC.
apply/(tensor_zero inverse square_C square_C)/(value_vanishes means).
by have /all_iota /(_ j (ltnW lt)) /all_iota := check j' lt_j'; apply; apply: ltn_trans lt.
Qed.

Section Membership.

Variables (rs : radices) (A : table S).

Definition matrix_of : 'M[F]_(outputs rs, inputs rs) := \matrix_(i, j) value (cell A i j).

Lemma stage_productE (g : seq (table S)) i j :
  value (stage_product g (stage_sizes rs) i j)
  = \prod_(k < size rs) value (cell (nth [::] g k) (i %% outputs (take k.+1 rs))%N (j %% inputs (drop k rs))%N).
Proof.
rewrite /stage_sizes -(big_mkord xpredT (fun k => value (cell (nth [::] g k) (i %% outputs (take k.+1 rs))%N
  (j %% inputs (drop k rs))%N))) /index_iota subn0.
have general l k g' : (forall h, nth [::] g (k + h) = nth [::] g' h) ->
    value (stage_product g' [seq (outputs (take k.+1 rs), inputs (drop k rs)) | k <- iota k l] i j)
    = \prod_(k <- iota k l) value (cell (nth [::] g k) (i %% outputs (take k.+1 rs))%N (j %% inputs (drop k rs))%N).
  elim: l k g' => [|l IH] k g' same /=; first by rewrite big_nil (value_one means).
  rewrite big_cons value_normal value_multiply -[in nth [::] g k](addn0 k) same nth0 IH // => h.
  by rewrite nth_behead -same addSnnS.
by apply: general => h.
Qed.

Theorem memberb_correct g : memberb rs A g -> exists G : factors F rs, matrix_of = monarch G.
Proof.
move=> /all_iota check; apply/staged_monarch.
exists (fun k x y => value (cell (nth [::] g k) x y)) => i j.
have /all_iota /(_ j (ltn_ord j)) /(value_vanishes means) := check i (ltn_ord i).
by rewrite value_subtract stage_productE mxE => /eqP; rewrite subr_eq0 => /eqP.
Qed.

End Membership.

Theorem refutedb_correct r rest A k i i' j j' w :
  refutedb (r :: rest) A k i i' j j' w -> ~ exists G : factors F (r :: rest), matrix_of (r :: rest) A = monarch G.
Proof.
case/and5P => lt_k lt_i lt_i' lt_j /and4P [lt_j' same_i same_j /(value_differs means) nonzero].
move=> /minors_order_p vanish.
have := vanish k lt_k (Ordinal lt_i) (Ordinal lt_i') (Ordinal lt_j) (Ordinal lt_j') same_i same_j.
rewrite /minor !mxE /= -!value_multiply -value_subtract => zero.
by rewrite zero eqxx in nonzero.
Qed.

(** What a certificate needs: equations that computing proves. *)

Theorem causal_certified N n A C0 C1 C2 d :
  inverseb N A C0 d = true -> causalb N n A C1 C2 = true ->
  columns N C0 \in unitmx /\ causal n (columns N C0) (columns N C1) (columns N C2).
Proof.
move=> inverse decided; split; first by have [] := inverseb_correct inverse.
by have /and4P [s1 s2 _ _] := decided; apply: (causalb_correct inverse s1 s2).
Qed.

Theorem causal_symmetric_certified N n A C0 C d :
  inverseb N A C0 d = true -> causal_symmetricb N n A C = true ->
  columns N C0 \in unitmx /\ causal n (columns N C0) (columns N C) (columns N C).
Proof.
move=> inverse decided; split; first by have [] := inverseb_correct inverse.
exact: (causal_symmetricb_correct inverse).
Qed.

Theorem not_causal_certified N n A C0 C1 C2 d i j j' w :
  inverseb N A C0 d = true -> leakb N n A C1 C2 i j j' w = true ->
  columns N C0 \in unitmx /\ ~ causal n (columns N C0) (columns N C1) (columns N C2).
Proof.
move=> inverse decided; split; first by have [] := inverseb_correct inverse.
by have /and3P [square1 square2 _] := decided; exact: (leakb_correct inverse square1 square2 decided).
Qed.

Theorem monarch_certified rs A g : memberb rs A g = true -> exists G : factors F rs, matrix_of rs A = monarch G.
Proof. exact: memberb_correct. Qed.

Theorem not_monarch_certified r rest A k i i' j j' w : refutedb (r :: rest) A k i i' j j' w = true ->
  ~ exists G : factors F (r :: rest), matrix_of (r :: rest) A = monarch G.
Proof. exact: refutedb_correct. Qed.

End Meaning.

(** Integers mean what they say in every field of the characteristic, and there causalb decides. *)
Theorem integers_certify q (F : fieldType) : characteristic F q -> @meaning (integers q) F (number F).
Proof. exact: integers_meaning. Qed.

Theorem causalb_decides q (F : fieldType) N n (A C0 C1 C2 : table (integers q)) d : characteristic F q ->
  inverseb N A C0 d -> square_table N C1 -> square_table N C2 -> (n <= N)%N ->
  let matrix := @columns (integers q) F (number F) N in causalb N n A C1 C2 <-> causal n (matrix C0) (matrix C1) (matrix C2).
Proof.
move=> char_q inverse s1 s2 le_n /=; have means := integers_meaning char_q.
split=> [|causes]; first exact: (causalb_correct means inverse s1 s2).
by apply: (causalb_complete means inverse s1 s2 _ le_n causes) => x /(nullP char_q).
Qed.

(** Polynomials mean their values at every primitive m-th root of every such field; of the modulus it is checked by
    computing that it vanishes there. *)
Theorem roots_certify q m ks d tail psi chi : cyclotomicb m ks (monic d tail) psi chi = true ->
  forall F : fieldType, characteristic F q -> forall z : F, m.-primitive_root z ->
  @meaning (at_root q m d tail) F (value_at z).
Proof. by move=> cyclotomic F char_q z prim; apply: (at_root_meaning char_q cyclotomic prim). Qed.

(** A number that no rounding explains: of a row r times x, 2^-b of what y 2^a is, further off than roundings come to,
    m of them to t bits for every (t, m). *)
Import Order.TTheory Num.Theory.

Section Kernel.

Fixpoint dot_of (r x : seq Z) : Z :=
  match r, x with a :: r, b :: x => Z.add (Z.mul a b) (dot_of r x) | _, _ => Z0 end.

Fixpoint moduli_of (r x : seq Z) : Z :=
  match r, x with a :: r, b :: x => Z.add (Z.abs (Z.mul a b)) (moduli_of r x) | _, _ => Z0 end.

Definition two_to (k : nat) : Z := Z.pow 2 (Z.of_nat k).

Fixpoint below (rounds : seq (nat * nat)) : Z :=
  match rounds with (t, m) :: rounds => Z.mul (Z.pow (two_to t) (Z.of_nat m)) (below rounds) | [::] => 1%Z end.

Fixpoint above (rounds : seq (nat * nat)) : Z :=
  match rounds with
  | (t, m) :: rounds => Z.mul (Z.pow (Z.add (two_to t) 1) (Z.of_nat m)) (above rounds)
  | [::] => 1%Z
  end.

Definition wrongb (r x : seq Z) (y : Z) (a b : nat) (rounds : seq (nat * nat)) : bool :=
  Z.ltb (Z.mul (Z.mul (Z.sub (above rounds) (below rounds)) (moduli_of r x)) (two_to b))
        (Z.mul (Z.abs (Z.sub (Z.mul y (two_to a)) (Z.mul (dot_of r x) (two_to b)))) (below rounds)).

(** What is added up in a row, and stored, is rounded as often as that at least. *)
Definition enough (rs : radices) (rounds : seq (nat * nat)) : bool :=
  (sumn [seq mn.2.+1 | mn <- rs] <= sumn [seq tm.2 | tm <- rounds])%N.

(** The row is one of the matrix, and as long as the signal. *)
Definition fits (rs : radices) (r x : seq Z) (i : nat) : bool :=
  [&& (i < outputs rs)%N, size r == inputs rs & size x == inputs rs].

Variable R : realFieldType.
Let value : Z -> R := number R.

(** What the roundings come to beside the moduli: the product of (1 + 2^-t)^m, less one. *)
Definition grows (rounds : seq (nat * nat)) : R := \prod_(tm <- rounds) (1 + 2%:R ^- tm.1) ^+ tm.2 - 1.

Lemma value_positive z : Z.lt Z0 z -> 0 < value z.
Proof.
case: z => [|p|p] lt; [by lia | | by lia].
by rewrite /value /number ltr0n; apply/ssrnat.ltP; apply: Pos2Nat.is_pos.
Qed.

Lemma value_lt x y : Z.lt x y -> value x < value y.
Proof. by move=> lt; rewrite -subr_gt0 -number_sub; apply: value_positive; lia. Qed.

Lemma value_abs z : value (Z.abs z) = `|value z|.
Proof. by case: z => [|p|p]; rewrite /value /= ?normr0 ?normrN ?ger0_norm ?ler0n. Qed.

Lemma value_pow z k : value (Z.pow z (Z.of_nat k)) = value z ^+ k.
Proof.
elim: k => [|k IH]; first by rewrite expr0.
by rewrite Nat2Z.inj_succ Z.pow_succ_r; [rewrite exprS -IH /value number_mul | lia].
Qed.

Lemma value_two k : value (two_to k) = 2%:R ^+ k.
Proof. by rewrite value_pow. Qed.

Lemma dot_ofE r x : value (dot_of r x) = \sum_(p <- zip r x) value p.1 * value p.2.
Proof.
elim: r x => [|a r IH] [|b x]; rewrite ?big_nil //= big_cons -IH.
by rewrite /value number_add number_mul.
Qed.

Lemma moduli_ofE r x : value (moduli_of r x) = \sum_(p <- zip r x) `|value p.1| * `|value p.2|.
Proof.
elim: r x => [|a r IH] [|b x]; rewrite ?big_nil //= big_cons -IH /value number_add.
by rewrite -/(value (Z.abs _)) value_abs /value number_mul normrM.
Qed.

Lemma below_gt0 rounds : Z.lt Z0 (below rounds).
Proof.
elim: rounds => [|[t m] rounds IH] /=; first by lia.
by apply: Z.mul_pos_pos => //; apply: Z.pow_pos_nonneg; [apply: Z.pow_pos_nonneg|]; lia.
Qed.

Lemma growsE rounds : grows rounds * value (below rounds) = value (Z.sub (above rounds) (below rounds)).
Proof.
rewrite /value number_sub -/(value _) -/(value _) /grows mulrBl mul1r; congr (_ - _).
elim: rounds => [|[t m] rounds IH] /=; first by rewrite big_nil mul1r.
rewrite big_cons /value !number_mul -!/(value _) -IH mulrACA; congr (_ * _).
have nonzero : 2%:R ^+ t != 0 :> R by rewrite expf_neq0 // pnatr_eq0.
rewrite (value_pow (two_to t)) (value_pow (Z.add (two_to t) 1)) value_two -exprMn mulrDl mul1r mulVf //.
by rewrite /value number_add -/(value _) value_two addrC.
Qed.

Theorem wrong_certified r x y a b rounds : wrongb r x y a b rounds = true ->
  grows rounds * (\sum_(p <- zip r x) `|value p.1| * `|value p.2|)
    < `|value y * 2%:R ^+ a / 2%:R ^+ b - \sum_(p <- zip r x) value p.1 * value p.2|.
Proof.
move=> /Z.ltb_spec0 /value_lt; rewrite /value !number_mul -!/(value _) value_abs -moduli_ofE -dot_ofE.
rewrite -growsE value_two /value number_sub !number_mul -!/(value _) !value_two => far.
have two_gt0 : 0 < 2%:R ^+ b :> R by rewrite exprn_gt0 // ltr0n.
have below_pos := value_positive (below_gt0 rounds).
rewrite -(ltr_pmul2r below_pos) -(ltr_pmul2r two_gt0).
have -> : `|value y * 2%:R ^+ a / 2%:R ^+ b - value (dot_of r x)| * value (below rounds) * 2%:R ^+ b
    = `|value y * 2%:R ^+ a - value (dot_of r x) * 2%:R ^+ b| * value (below rounds).
  rewrite mulrAC; congr (_ * _); rewrite -[X in _ * X](gtr0_norm two_gt0) -normrM mulrBl.
  by rewrite divfK // gt_eqF.
by rewrite [grows _ * _ * _]mulrAC.
Qed.

End Kernel.

Print Assumptions inverseb_correct.
Print Assumptions causalb_correct.
Print Assumptions causalb_complete.
Print Assumptions leakb_correct.
Print Assumptions causal_symmetricb_correct.
Print Assumptions memberb_correct.
Print Assumptions refutedb_correct.
Print Assumptions causal_certified.
Print Assumptions causal_symmetric_certified.
Print Assumptions not_causal_certified.
Print Assumptions monarch_certified.
Print Assumptions not_monarch_certified.
Print Assumptions integers_certify.
Print Assumptions causalb_decides.
Print Assumptions roots_certify.
Print Assumptions wrong_certified.
