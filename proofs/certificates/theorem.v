(** Deciders that compute, on lists of integers, and what they decide over a field of the characteristic they are told:
    whether a Monarch operator is causal, given the inverse of M0; whether a matrix is Monarch, given its factors or a
    minor. A certificate is checked by running them. *)
From Coq Require Import ZArith Lia.
From mathcomp Require Import all_ssreflect ssralg zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.stages foundations.operator.
From MonarchProofs Require Import entry_formula.theorem rank_one_slices.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** Computation. *)

Definition vector := seq Z.
Definition table := seq vector.

(** In characteristic q, 0 for none: the residue, and whether it is zero. *)
Definition residue (q : Z) (z : Z) : Z := if Z.eqb q Z0 then z else Z.modulo z q.
Definition vanishes (q : Z) (z : Z) : bool := Z.eqb (residue q z) Z0.

Fixpoint dot (a b : vector) : Z :=
  match a, b with
  | x :: a', y :: b' => Z.add (Z.mul x y) (dot a' b')
  | _, _ => Z0
  end.

Fixpoint entrywise (q : Z) (a b : vector) : vector :=
  match a, b with
  | x :: a', y :: b' => residue q (Z.mul x y) :: entrywise q a' b'
  | _, _ => [::]
  end.

Definition line (A : table) i : vector := nth [::] A i.
Definition square_table N (A : table) : bool := (size A == N) && all (fun r => size r == N) A.

(** A is d times the inverse of the matrix with columns C. *)
Definition inverseb q N (A C : table) (d : Z) : bool :=
  [&& square_table N A, square_table N C, ~~ vanishes q d &
   all (fun i => all (fun j =>
     vanishes q (Z.sub (dot (line A i) (line C j)) (if i == j then d else Z0))) (iota 0 N)) (iota 0 N)].

(** A row of A times the product of column j' of M1 and column j of M2. *)
Definition vanishing_rows q (A : table) k (product : vector) : bool :=
  all (fun i => vanishes q (dot (line A i) product)) (iota 0 k).

(** Of all j, j' < n, the rows 0 ... j - 1. *)
Definition causalb q N n (A C1 C2 : table) : bool :=
  [&& square_table N C1, square_table N C2, n <= N &
   all (fun j => all (fun j' => vanishing_rows q A j (entrywise q (line C1 j') (line C2 j))) (iota 0 n)) (iota 0 n)]%N.

(** Where M1 and M2 are one, half of the pairs are enough. *)
Definition causal_symmetricb q N n (A C : table) : bool :=
  [&& square_table N C, n <= N &
   all (fun j => all (fun j' => vanishing_rows q A j (entrywise q (line C j') (line C j))) (iota 0 j.+1)) (iota 0 n)]%N.

(** One entry that is not zero refutes it. *)
Definition leakb q N n (A C1 C2 : table) i j j' : bool :=
  [&& square_table N C1, square_table N C2, n <= N, i < j, j < n, j' < n &
   ~~ vanishes q (dot (line A i) (entrywise q (line C1 j') (line C2 j)))]%N.

Definition cell (A : table) i j : Z := nth Z0 (line A i) j.

(** What stage k reads of an index: i mod M_{k+1} and j mod N_k. *)
Definition stage_sizes (rs : radices) : seq (nat * nat) :=
  [seq (outputs (take k.+1 rs), inputs (drop k rs)) | k <- iota 0 (size rs)].

Fixpoint stage_product (g : seq table) (sizes : seq (nat * nat)) i j : Z :=
  if sizes is (M, n) :: sizes' then Z.mul (cell (head [::] g) (i %% M)%N (j %% n)%N) (stage_product (behead g) sizes' i j)
  else Zpos xH.

(** A, by rows, has the entries prod_k g_k[i mod M_{k+1}][j mod N_k]. *)
Definition memberb q (rs : radices) (A : table) (g : seq table) : bool :=
  let sizes := stage_sizes rs in
  all (fun i => all (fun j => vanishes q (Z.sub (cell A i j) (stage_product g sizes i j))) (iota 0 (inputs rs)))
    (iota 0 (outputs rs)).

(** Rows i, i' and columns j, j' of one slice of split k make a minor that is not zero. *)
Definition refutedb q (rs : radices) (A : table) k i i' j j' : bool :=
  [&& k.+1 < size rs, i < outputs rs, i' < outputs rs, j < inputs rs, j' < inputs rs,
      same_rows rs k i i', same_columns rs k j j' &
      ~~ vanishes q (Z.sub (Z.mul (cell A i j) (cell A i' j')) (Z.mul (cell A i j') (cell A i' j)))]%N.

(** What the computation means. *)

Section Meaning.

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

Lemma vanishesP z : vanishes q z <-> number z = 0.
Proof.
rewrite /vanishes /residue; case: q char_q => [|p|] //= char_p.
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

(** Lists as matrices, by rows and by columns. *)

Definition entry_of (r : vector) i : F := number (nth Z0 r i).

Definition rows N (A : table) : 'M[F]_N := \matrix_(i, j) entry_of (line A i) j.
Definition columns N (A : table) : 'M[F]_N := \matrix_(i, j) entry_of (line A j) i.

Lemma dotE N a b : size a = N -> size b = N -> number (dot a b) = \sum_(l < N) entry_of a l * entry_of b l.
Proof.
elim: a b N => [|x a IH] [|y b] [|N] //=; [by rewrite big_ord0 | move=> [size_a] [size_b]].
by rewrite number_add number_mul big_ord_recl (IH _ N).
Qed.

Lemma size_entrywise N a b : size a = N -> size b = N -> size (entrywise q a b) = N.
Proof. by elim: a b N => [|x a IH] [|y b] [|N] //= [size_a] [size_b]; rewrite (IH _ N). Qed.

Lemma entrywiseE N a b l : size a = N -> size b = N -> entry_of (entrywise q a b) l = entry_of a l * entry_of b l.
Proof.
rewrite /entry_of; elim: a b N l => [|x a IH] [|y b] [|N] l //= => [_ _|[size_a] [size_b]].
  by rewrite !nth_nil mul0r.
by case: l => [|l] /=; [rewrite number_residue number_mul | apply: (IH _ N)].
Qed.

Lemma size_line N A i : square_table N A -> (i < N)%N -> size (line A i) = N.
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

Variables (N n : nat) (A C0 C1 C2 : table) (d : Z).

Lemma number_delta (i j : 'I_N) : number (if (i == j :> nat) then d else Z0) = number d * (i == j)%:R.
Proof. by rewrite val_eqE; case: eqP; rewrite ?mulr1 ?mulr0. Qed.

(** The inverse is right. *)
Theorem inverseb_correct :
  inverseb q N A C0 d -> columns N C0 \in unitmx /\ invmx (columns N C0) = (number d)^-1 *: rows N A.
Proof.
move=> /and4P [square_A square_C nonzero /all_iota check].
have d_unit : number d != 0 by apply: contra nonzero => /eqP /vanishesP.
have product : ((number d)^-1 *: rows N A) *m columns N C0 = 1%:M.
  rewrite -scalemxAl; apply: (scalerI d_unit); rewrite scalerA mulfV // scale1r; apply/matrixP => i j.
  have /all_iota /(_ j (ltn_ord j)) /vanishesP := check i (ltn_ord i).
  rewrite number_sub number_delta (dotE (size_line square_A (ltn_ord i)) (size_line square_C (ltn_ord j))).
  move=> /eqP; rewrite subr_eq0 => /eqP; rewrite !mxE => <-.
  by apply: eq_bigr => l _; rewrite !mxE.
have [_ unit] := mulmx1_unit product; split=> //.
by rewrite -[LHS]mul1mx -product -mulmxA mulmxV // mulmx1.
Qed.

Section Decision.

Hypothesis inverse : inverseb q N A C0 d.
Hypothesis square1 : square_table N C1.
Hypothesis square2 : square_table N C2.

Lemma tensor_zero (i j j' : 'I_N) :
  tensor (columns N C0) (columns N C1) (columns N C2) i j j' = 0 <->
  vanishes q (dot (line A i) (entrywise q (line C1 j') (line C2 j))).
Proof.
have [unit inverseE] := inverseb_correct inverse.
have /and4P [square_A _ nonzero _] := inverse.
have d_unit : number d != 0 by apply: contra nonzero => /eqP /vanishesP.
have s1 := size_line square1 (ltn_ord j'); have s2 := size_line square2 (ltn_ord j).
rewrite tensorE inverseE -scalemxAl mxE; rewrite vanishesP.
rewrite (dotE (size_line square_A (ltn_ord i)) (size_entrywise s1 s2)).
have -> : \sum_(l < N) entry_of (line A i) l * entry_of (entrywise q (line C1 j') (line C2 j)) l
    = (rows N A *m \col_l (columns N C1 l j' * columns N C2 l j)) i 0.
  by rewrite mxE; apply: eq_bigr => l _; rewrite !mxE (entrywiseE _ s1 s2).
split=> [/eqP|->]; last by rewrite mulr0.
by rewrite mulf_eq0 invr_eq0 (negbTE d_unit) => /eqP.
Qed.

(** The decider decides: causal exactly when it says so. *)
Theorem causalb_correct : (n <= N)%N ->
  causalb q N n A C1 C2 <-> causal n (columns N C0) (columns N C1) (columns N C2).
Proof.
move=> le_n; rewrite /causalb square1 square2 le_n /=; split=> [/all_iota check|/causal_tensor check].
  apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij; apply/tensor_zero.
  by have /all_iota /(_ j' lt_j') /all_iota := check j lt_j; apply.
apply/all_iota => j lt_j; apply/all_iota => j' lt_j'; apply/all_iota => i lt_i.
have j_N := leq_trans lt_j le_n; have j'_N := leq_trans lt_j' le_n; have i_N := ltn_trans lt_i j_N.
apply/(tensor_zero (Ordinal i_N) (Ordinal j_N) (Ordinal j'_N)); apply: check => //=.
exact: ltn_trans lt_i lt_j.
Qed.

Theorem leakb_correct i j j' :
  leakb q N n A C1 C2 i j j' -> ~ causal n (columns N C0) (columns N C1) (columns N C2).
Proof.
case/and3P=> _ _ /and5P [le_n lt_ij lt_j lt_j' nonzero] /causal_tensor vanish.
have j_N := leq_trans lt_j le_n; have j'_N := leq_trans lt_j' le_n; have i_N := ltn_trans lt_ij j_N.
move: nonzero; apply/negP/negPn/(tensor_zero (Ordinal i_N) (Ordinal j_N) (Ordinal j'_N)).
by apply: vanish => //=; apply: ltn_trans lt_ij lt_j.
Qed.

End Decision.

End Operator.

Theorem causal_symmetricb_correct N n A C0 C d :
  inverseb q N A C0 d -> causal_symmetricb q N n A C -> causal n (columns N C0) (columns N C) (columns N C).
Proof.
move=> inverse /and3P [square_C le_n /all_iota check]; apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij.
have [le|lt] := leqP j' j.
  apply/(tensor_zero inverse square_C square_C).
  by have /all_iota /(_ j' le) /all_iota := check j lt_j; apply.
have -> : tensor (columns N C0) (columns N C) (columns N C) i j j'
        = tensor (columns N C0) (columns N C) (columns N C) i j' j.
  by rewrite !tensorE; congr ((_ *m _) i 0); apply/colP => l; rewrite !mxE mulrC.
apply/(tensor_zero inverse square_C square_C).
by have /all_iota /(_ j (ltnW lt)) /all_iota := check j' lt_j'; apply; apply: ltn_trans lt.
Qed.


Section Membership.

Variables (rs : radices) (A : table).

Definition matrix_of : 'M[F]_(outputs rs, inputs rs) := \matrix_(i, j) number (cell A i j).

Lemma stage_productE g i j :
  number (stage_product g (stage_sizes rs) i j)
  = \prod_(k < size rs) number (cell (nth [::] g k) (i %% outputs (take k.+1 rs))%N (j %% inputs (drop k rs))%N).
Proof.
rewrite /stage_sizes -(big_mkord xpredT (fun k => number (cell (nth [::] g k) (i %% outputs (take k.+1 rs))%N
  (j %% inputs (drop k rs))%N))) /index_iota subn0.
have general l k g' : (forall h, nth [::] g (k + h) = nth [::] g' h) ->
    number (stage_product g' [seq (outputs (take k.+1 rs), inputs (drop k rs)) | k <- iota k l] i j)
    = \prod_(k <- iota k l) number (cell (nth [::] g k) (i %% outputs (take k.+1 rs))%N (j %% inputs (drop k rs))%N).
  elim: l k g' => [|l IH] k g' same /=; first by rewrite big_nil.
  rewrite big_cons number_mul -[in nth [::] g k](addn0 k) same nth0 IH // => h.
  by rewrite nth_behead -same addSnnS.
by apply: general => h.
Qed.

Theorem memberb_correct g : memberb q rs A g -> exists G : factors F rs, matrix_of = monarch G.
Proof.
move=> /all_iota check; apply/staged_monarch.
exists (fun k x y => number (cell (nth [::] g k) x y)) => i j.
have /all_iota /(_ j (ltn_ord j)) /vanishesP := check i (ltn_ord i).
by rewrite number_sub stage_productE mxE => /eqP; rewrite subr_eq0 => /eqP.
Qed.

End Membership.

Theorem refutedb_correct r rest A k i i' j j' :
  refutedb q (r :: rest) A k i i' j j' -> ~ exists G : factors F (r :: rest), matrix_of (r :: rest) A = monarch G.
Proof.
case/and5P => lt_k lt_i lt_i' lt_j /and4P [lt_j' same_i same_j nonzero] /minors_order_p vanish.
have := vanish k lt_k (Ordinal lt_i) (Ordinal lt_i') (Ordinal lt_j) (Ordinal lt_j') same_i same_j.
rewrite /minor !mxE /= -!number_mul -number_sub => /vanishesP zero.
by rewrite zero in nonzero.
Qed.

End Meaning.

(** What a certificate needs: equations that computing proves. *)

Theorem causal_certified q N n A C0 C1 C2 d :
  inverseb q N A C0 d = true -> causalb q N n A C1 C2 = true ->
  forall F : fieldType, characteristic F q ->
  columns F N C0 \in unitmx /\ causal n (columns F N C0) (columns F N C1) (columns F N C2).
Proof.
move=> inverse decided F char_q; split; first by have [] := inverseb_correct char_q inverse.
by have /and4P [s1 s2 le_n _] := decided; apply/(causalb_correct char_q inverse s1 s2 le_n).
Qed.

Theorem causal_symmetric_certified q N n A C0 C d :
  inverseb q N A C0 d = true -> causal_symmetricb q N n A C = true ->
  forall F : fieldType, characteristic F q ->
  columns F N C0 \in unitmx /\ causal n (columns F N C0) (columns F N C) (columns F N C).
Proof.
move=> inverse decided F char_q; split; first by have [] := inverseb_correct char_q inverse.
exact: (causal_symmetricb_correct char_q inverse).
Qed.

Theorem not_causal_certified q N n A C0 C1 C2 d i j j' :
  inverseb q N A C0 d = true -> leakb q N n A C1 C2 i j j' = true ->
  forall F : fieldType, characteristic F q ->
  columns F N C0 \in unitmx /\ ~ causal n (columns F N C0) (columns F N C1) (columns F N C2).
Proof.
move=> inverse decided F char_q; split; first by have [] := inverseb_correct char_q inverse.
have /and3P [square1 square2 _] := decided.
exact: (leakb_correct char_q inverse square1 square2 decided).
Qed.

Theorem monarch_certified q rs A g : memberb q rs A g = true ->
  forall F : fieldType, characteristic F q -> exists G : factors F rs, matrix_of F rs A = monarch G.
Proof. by move=> decided F char_q; apply: (memberb_correct char_q decided). Qed.

Theorem not_monarch_certified q r rest A k i i' j j' : refutedb q (r :: rest) A k i i' j j' = true ->
  forall F : fieldType, characteristic F q ->
  ~ exists G : factors F (r :: rest), matrix_of F (r :: rest) A = monarch G.
Proof. by move=> decided F char_q; apply: (refutedb_correct char_q decided). Qed.

Print Assumptions inverseb_correct.
Print Assumptions causalb_correct.
Print Assumptions causal_symmetricb_correct.
Print Assumptions leakb_correct.
Print Assumptions memberb_correct.
Print Assumptions refutedb_correct.
Print Assumptions causal_certified.
Print Assumptions causal_symmetric_certified.
Print Assumptions not_causal_certified.
Print Assumptions monarch_certified.
Print Assumptions not_monarch_certified.
