(** How many operators one must multiply to have all lower triangular matrices with a constant diagonal: over a finite
    field they are counted. Causal ones of the family at order 2; any Monarch operators, at every order. *)
From Coq Require Import Arith Lia.

Lemma enough h d :
  2 * h * h * (2 * h * h) + 2 <= 2 * h * h + d * ((2 * h + 1) * (2 * h) + 2 * h * ((h + 1) * h) + 2 * (2 * h * h)) ->
  2 * h <= d + 9.
Proof.
intros le; destruct (Nat.le_gt_cases (2 * h) (d + 9)) as [|far]; [assumption|exfalso].
replace ((2 * h + 1) * (2 * h) + 2 * h * ((h + 1) * h) + 2 * (2 * h * h))
  with (2 * h * h * h + 10 * h * h + 2 * h) in le by ring.
assert ((d + 10) * (2 * h * h * h + 10 * h * h + 2 * h) <= 2 * h * (2 * h * h * h + 10 * h * h + 2 * h))
  by (apply Nat.mul_le_mono_r; lia).
nia.
Qed.

From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra finalg.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.triangular.
From MonarchProofs Require Import entry_formula.theorem cost.theorem causality_sufficient.theorem.
From MonarchProofs Require Import rebased_convolution.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Triangles.

(** Places on and below the diagonal, and below it. *)
Definition below m := {p : 'I_m * 'I_m | (p.2 <= p.1)%N}.
Definition strictly m := {p : 'I_m * 'I_m | (p.2 < p.1)%N}.

Lemma count_pairs m (k : nat -> nat) : (forall i, (i < m)%N -> (k i <= m)%N) ->
  #|{: {p : 'I_m * 'I_m | (p.2 < k p.1)%N}}| = (\sum_(i < m) k i)%N.
Proof.
move=> le; rewrite card_sig -sum1_card.
rewrite -(pair_big_dep xpredT (fun i j : 'I_m => (j < k i)%N) (fun _ _ => 1%N)) /=.
apply: eq_bigr => i _; rewrite -(big_ord_widen m (fun _ => 1%N) (le i (ltn_ord i))).
by rewrite sum1_card card_ord.
Qed.

Lemma count_strictly m : #|{: strictly m}| = 'C(m, 2).
Proof. by rewrite (@count_pairs m id) => [|i /ltnW //]; rewrite -triangular_sum big_mkord. Qed.

Lemma count_below m : #|{: below m}| = 'C(m.+1, 2).
Proof.
by rewrite (@count_pairs m succn) // -triangular_sum big_nat_recl // add0n big_mkord.
Qed.

End Triangles.

Section Filled.

Variables (F : finFieldType) (n : nat).

(** Lower triangular matrices with a constant diagonal. *)
Definition filled (t : F * {ffun strictly n -> F}) : 'M[F]_n :=
  \matrix_(i, j) if i == j then t.1 else if insub (i, j) is Some p then t.2 p else 0.

Lemma filled_constant t : constant t.1 (filled t).
Proof.
split=> [i j lt|i]; rewrite mxE ?eqxx // -val_eqE ltn_eqF //.
by rewrite insubF //= ltnNge ltnW.
Qed.

Lemma filled_inj : (0 < n)%N -> injective filled.
Proof.
move=> n_pos [c g] [c' g'] /matrixP eq; have := eq (Ordinal n_pos) (Ordinal n_pos).
rewrite !mxE eqxx /= => ->; congr (_, _); apply/ffunP => p; have := eq (val p).1 (val p).2.
rewrite !mxE; case: eqP => [same|_]; first by have := valP p; rewrite same ltnn.
by rewrite -surjective_pairing valK.
Qed.

(** What is made of q^k choices multiplies to all of them in d factors only if d k is as much as they have. *)
Lemma choices_needed (T : finType) (of_choice : T -> 'M[F]_n) k d : (0 < n)%N -> #|T| = (#|F| ^ k)%N ->
  (forall A c, constant c A -> exists2 ts : seq T, size ts = d & A = foldr mulmx 1%:M [seq of_choice t | t <- ts]) ->
  ('C(n, 2).+1 <= d * k)%N.
Proof.
move=> n_pos card_T all_products.
pose product (ts : d.-tuple T) : 'M[F]_n := foldr mulmx 1%:M [seq of_choice t | t <- ts].
have reached t : filled t \in codom product.
  have [ts size_ts ->] := all_products _ _ (filled_constant t).
  have is_d : size ts == d by rewrite size_ts.
  by apply/codomP; exists (Tuple is_d).
have : (#|codom filled| <= #|codom product|)%N.
  by apply/subset_leq_card/subsetP => A /codomP [t ->].
rewrite card_codom; last exact: filled_inj.
move=> /leq_trans /(_ (leq_image_card _ _)).
rewrite card_prod card_ffun count_strictly -expnS card_tuple card_T -expnM.
rewrite leq_exp2l; first by rewrite mulnC.
by rewrite (cardD1 0) inE (cardD1 1) !inE oner_eq0.
Qed.

End Filled.

Section Depth.

Variables (F : finFieldType) (h b : nat).
Let N := (h.*2 * b)%N.
Let n := (h * b)%N.

Lemma le_n : (n <= N)%N.
Proof. by rewrite leq_mul2r -addnn leq_addr orbT. Qed.

(** C, the leading block of the coefficients of a member of the family, `causal_order2`. *)
Definition of_family (C : 'M[F]_n) : Prop :=
  exists (l : 'I_b -> {poly F}) (r : 'I_h.*2 -> 'I_b -> {poly F}),
  [/\ forall a1, (size (l a1) <= b)%N, forall a1 : 'I_b, trailing a1 (l a1),
      forall a0 a1, (size (r a0 a1) <= if (a0 < h)%N then h else h.*2)%N,
      forall (a0 : 'I_h.*2) a1, trailing a0 (r a0 a1)
    & C = leading (q l r) le_n].

(** What the operator of C computes with the filter k, where c = C k, `causal_monarch_computes`. *)
Definition computes (C : 'M[F]_n) (c : 'cV[F]_n) : 'M[F]_n := invmx C *m toeplitz c *m C.

Definition free : Type := ({ffun below b -> F} * {ffun 'I_b * below h -> F})%type.

Definition at_b (g : {ffun below b -> F}) (x y : 'I_b) : F := if insub (x, y) is Some p then g p else 0.
Definition at_h (g : {ffun 'I_b * below h -> F}) a (x y : 'I_h) : F := if insub (x, y) is Some p then g (a, p) else 0.

Definition block (t : free) : 'M[F]_n :=
  \matrix_(e, j) (at_b t.1 (digits.low e) (digits.low j) * at_h t.2 (digits.low j) (digits.high e) (digits.high j)).

Lemma coefficient (l r : {poly F}) e : (0 < b)%N -> (size l <= b)%N ->
  (l * (r \Po 'X^b))`_e = l`_(e %% b) * r`_(e %/ b).
Proof.
move=> b_pos small; have rest : (e - e %% b = e %/ b * b)%N by rewrite {1}(divn_eq e b) addnK.
rewrite coefM (bigD1 (inord (e %% b) : 'I_e.+1)) //= inordK ?ltnS ?leq_mod //.
rewrite coef_comp_Xn // rest dvdn_mull // mulnK // big1 ?addr0 // => i ne.
case: (ltnP i b) => [lt|le]; last by rewrite nth_default ?mul0r // (leq_trans small).
rewrite coef_comp_Xn //; case: ifP => [/dvdnP [d eq]|]; last by rewrite mulr0.
have le_i : (i <= e)%N by rewrite -ltnS.
case/eqP: ne; apply: val_inj; rewrite /= inordK ?ltnS ?leq_mod //.
have e_eq : (e = d * b + i)%N by rewrite -eq subnK.
by apply: esym; rewrite (congr1 (modn^~ b) e_eq) /= modnMDl modn_small.
Qed.

Lemma free_block C : of_family C -> exists t : free, C = block t.
Proof.
move=> [l [r [l_size l_low r_size r_low ->]]].
pose wide (a : 'I_h) : 'I_h.*2 := widen_ord (leq_trans (leq_addr h h) (eq_leq (addnn h))) a.
exists ([ffun p : below b => (l (val p).2)`_((val p).1)], [ffun p : 'I_b * below h => (r (wide (val p.2).2) p.1)`_((val p.2).1)]).
apply/matrixP => e j; rewrite !mxE /q /at_b /at_h.
have b_pos : (0 < b)%N by case: (b) (digits.low j) => [[]|].
have low_eq : digits.low (widen_ord le_n j : 'I_(h.*2 * b)) = digits.low j by apply: val_inj.
have high_eq : digits.high (widen_ord le_n j : 'I_(h.*2 * b)) = wide (digits.high j) by apply: val_inj.
rewrite coefficient // low_eq high_eq; congr (_ * _).
- case: insubP => [p _ vp|]; first by rewrite ffunE vp.
  by rewrite /= -ltnNge => lt; have [starts_l _] := l_low (digits.low j); apply: starts_l.
- case: insubP => [p _ vp|]; first by rewrite ffunE vp.
  by rewrite /= -ltnNge => lt; have [starts_r _] := r_low (wide (digits.high j)) (digits.low j); apply: starts_r.
Qed.

Lemma count_free : #|{: free}| = (#|F| ^ ('C(b.+1, 2) + b * 'C(h.+1, 2)))%N.
Proof. by rewrite card_prod !card_ffun card_prod card_ord !count_below -expnD. Qed.

Theorem depth d : (0 < n)%N ->
  (forall A c, constant c A -> exists ts : seq ('M[F]_n * 'cV[F]_n),
     [/\ size ts = d, forall t, t \in ts -> of_family t.1 & A = foldr mulmx 1%:M [seq computes t.1 t.2 | t <- ts]]) ->
  ('C(n, 2).+1 <= d * ('C(b.+1, 2) + b * 'C(h.+1, 2) + n))%N.
Proof.
move=> n_pos all_products.
apply: (choices_needed (of_choice := fun t : free * 'cV[F]_n => computes (block t.1) t.2) n_pos) => [|A c is_constant].
  by rewrite card_prod count_free card_mx muln1 -expnD.
have [ts [<- family ->]] := all_products _ _ is_constant.
elim: ts family => [|[C c'] ts IH] family; first by exists [::].
have [|ss size_ss eq_ss] := IH; first by move=> s in_ts; apply: family; rewrite inE in_ts orbT.
have [s /= ->] := free_block (family _ (mem_head _ _)).
by exists ((s, c') :: ss); rewrite /= ?size_ss ?eq_ss.
Qed.

End Depth.

Section SquareRadices.

Lemma twice_bin m : ('C(m.+1, 2) * 2 = m.+1 * m)%N.
Proof. by rewrite mulnC -[2%N]/(1.+1) -mul_bin_diag bin1. Qed.

(** Radices (2 h, 2 h), N = 4 h^2: at least sqrt N - 9 operators. *)
Corollary depth_square (F : finFieldType) (h d : nat) : (0 < h)%N ->
  (forall A c, constant c A -> exists ts : seq ('M[F]_(h * h.*2) * 'cV[F]_(h * h.*2)),
     [/\ size ts = d, forall t, t \in ts -> of_family t.1 & A = foldr mulmx 1%:M [seq computes t.1 t.2 | t <- ts]]) ->
  (h.*2 <= d + 9)%N.
Proof.
move=> h_pos all_products; have n_pos : (0 < h * h.*2)%N by rewrite muln_gt0 double_gt0 h_pos.
have := depth n_pos all_products; have -> : (h * h.*2 = 2 * h * h)%N by rewrite -mul2n mulnCA mulnA.
set n := (2 * h * h)%N; rewrite -(leq_pmul2r (isT : (0 < 2)%N)) => le.
have square : ('C(n, 2) * 2 + n = n * n)%N by case: (n) => // m; rewrite twice_bin -mulnSr.
suff : (n * n + 2 <= n + d * ((2 * h + 1) * (2 * h) + 2 * h * ((h + 1) * h) + 2 * n))%N.
  by rewrite -mul2n => /leP; rewrite -!plusE -!multE => /enough /leP.
rewrite -square addnAC [X in (X <= _)%N]addnC leq_add2l; apply: leq_trans (_ : ('C(n, 2).+1 * 2 <= _)%N).
  by rewrite mulSn addnC.
apply: leq_trans le _; rewrite -mulnA leq_mul2l; apply/orP; right; apply: eq_leq.
rewrite [LHS]mulnDl [X in (X + _)%N = _]mulnDl -[(h.*2 * _ * 2)%N]mulnA !twice_bin -mul2n !addn1.
by rewrite [(n * 2)%N]mulnC.
Qed.

End SquareRadices.

(** Any order, any radices, and any way of making an operator of a Monarch matrix and a filter: they are counted, too. *)
Section AnyOrder.

Variable F : finFieldType.

(** The factors, as finitely many. *)
Fixpoint packed (rs : radices) : finType :=
  if rs is (m, n) :: rest
  then [finType of {ffun 'I_(inputs rest) -> 'M[F]_(m, n)} * {ffun 'I_m -> packed rest}]
  else [finType of unit].

Fixpoint unpacked (rs : radices) : packed rs -> factors F rs :=
  match rs return packed rs -> factors F rs with
  | (m, n) :: rest => fun g => (fun j => g.1 j, fun s => unpacked (g.2 s))
  | [::] => fun _ => tt
  end.

Lemma packed_all rs (G : factors F rs) : exists g : packed rs, monarch (unpacked g) = monarch G.
Proof.
elim: rs G => [|[m n] rest IH] G /=; first by exists tt.
have [g g_eq] := fin_all_exists (fun s => IH (G.2 s)).
exists ([ffun j => G.1 j], [ffun s => g s]).
apply/matrixP => i j /=; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a1 ->].
by rewrite !entry_order2 !ffunE g_eq.
Qed.

Lemma card_packed rs : #|packed rs| = (#|F| ^ parameters rs)%N.
Proof.
elim: rs => [|[m n] rest IH] /=; first by rewrite card_unit.
rewrite card_prod !card_ffun card_mx !card_ord IH -!expnM -expnD; congr (_ ^ _)%N.
by rewrite mulnC [X in (_ + X)%N]mulnC.
Qed.

Theorem depth_any_order rs n d (operator : 'M[F]_(outputs rs, inputs rs) -> 'cV[F]_n -> 'M[F]_n) : (0 < n)%N ->
  (forall A c, constant c A -> exists ts : seq (factors F rs * 'cV[F]_n),
     size ts = d /\ A = foldr mulmx 1%:M [seq operator (monarch t.1) t.2 | t <- ts]) ->
  ('C(n, 2).+1 <= d * (parameters rs + n))%N.
Proof.
move=> n_pos all_products.
apply: (choices_needed (of_choice := fun t : packed rs * 'cV[F]_n => operator (monarch (unpacked t.1)) t.2) n_pos) => [|A c].
  by rewrite card_prod card_packed card_mx muln1 -expnD.
move=> /all_products [ts [<- ->]]; elim: ts => [|[G c'] ts [ss size_ss eq_ss]]; first by exists [::].
have [g g_eq] := packed_all G; exists ((g, c') :: ss); by rewrite /= ?size_ss ?eq_ss ?g_eq.
Qed.

End AnyOrder.
Print Assumptions depth.
Print Assumptions depth_square.
Print Assumptions depth_any_order.
