(** How much padding a convolution needs: N >= 2 n - 1, whatever the matrices.

    The operator multiplies N numbers A k by N numbers B u and recombines: D diag(A k) B, A and B the first n columns
    of M1 and M2, D the first n rows of M0^-1. If it is the truncated convolution, it is invertible whenever k_0 <> 0.
    Choose k with k_0 <> 0 that kills n - 1 of the products; the others, N - (n - 1) of them, still give rank n.

    Without padding, n = N, the operator of M is causal iff M is a row permutation of a lower triangular matrix. *)
From mathcomp Require Import all_ssreflect fingroup perm ssralg zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.triangular foundations.operator causality_characterisation.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Rank.

Variable F : fieldType.

Lemma rank_delta_sum n (P : pred 'I_n) (c : 'I_n -> F) :
  (\rank (\sum_(i | P i) c i *: delta_mx i i : 'M[F]_n)%R <= #|P|)%N.
Proof.
rewrite -sum1_card; apply: (big_ind2 (fun (M : 'M[F]_n) k => \rank M <= k)%N) => [|A a B b le_A le_B|i _].
- by rewrite mxrank0.
- by apply: leq_trans (mxrank_add _ _) _; apply: leq_add.
- by apply: leq_trans (mxrank_scale _ _) _; rewrite mxrank_delta.
Qed.

Lemma diag_delta_sum n (d : 'rV[F]_n) (P : pred 'I_n) :
  (forall i, ~~ P i -> d 0 i = 0) -> diag_mx d = \sum_(i | P i) d 0 i *: delta_mx i i.
Proof.
move=> vanish; apply/matrixP => i j; rewrite mxE summxE.
case: (boolP (P i)) => [Pi|nPi].
  rewrite (bigD1 i) //= big1 ?addr0 => [|k /andP [_ ne]]; last by rewrite !mxE eq_sym (negbTE ne) mulr0.
  by rewrite !mxE eqxx eq_sym; case: eqP; rewrite ?mulr1n ?mulr1 ?mulr0n ?mulr0.
rewrite vanish // mul0rn big1 // => k Pk; rewrite !mxE.
by case: eqP => [e|]; rewrite ?mulr0 //; move: nPi; rewrite e Pk.
Qed.

(** A diagonal matrix has at most as many dimensions as places where it is not known to vanish. *)
Lemma rank_diag n (d : 'rV[F]_n) (P : pred 'I_n) : (forall i, ~~ P i -> d 0 i = 0) -> (\rank (diag_mx d) <= #|P|)%N.
Proof. by move=> /diag_delta_sum ->; apply: rank_delta_sum. Qed.

End Rank.

Section Bilinear.

Variables (F : fieldType) (n N : nat) (A B : 'M[F]_(N, n)) (D : 'M[F]_(n, N)).

(** u |-> D (A k . B u), as a matrix. *)
Definition combined (k : 'cV[F]_n) : 'M[F]_n := D *m diag_mx (A *m k)^T *m B.

Variable l : 'rV[F]_n.
Hypothesis l_nonzero : l != 0.
Hypothesis regular : forall k, (l *m k) 0 0 != 0 -> combined k \in unitmx.
Hypothesis faithful : forall k, combined k = 0 -> k = 0.

(** The rows of A with index in S, the others replaced by zero. *)
Definition rows (S : {set 'I_N}) : 'M[F]_(N, n) := \matrix_(i, j) ((i \in S)%:R * A i j).

Let rowsE S i j : rows S i j = (i \in S)%:R * A i j.
Proof. exact: mxE. Qed.

Let rank_rows S : (\rank (rows S) <= #|S|)%N.
Proof.
have -> : rows S = diag_mx (\row_i (i \in S)%:R) *m A by apply/matrixP => i j; rewrite mul_diag_mx !mxE.
apply: leq_trans (mxrankM_maxl _ _) _.
by apply: (@rank_diag _ _ _ [pred i in S]) => i /= /negbTE out; rewrite mxE out.
Qed.

Let row_rows (S : {set 'I_N}) i : i \in S -> row i (rows S) = row i A.
Proof. by move=> iS; apply/rowP => j; rewrite mxE rowsE iS mul1r mxE. Qed.

Let full : row_full A.
Proof.
rewrite -cokermx_eq0; apply/eqP/matrixP => i j.
have : col j (cokermx A) = 0.
  by apply: faithful; rewrite /combined colE mulmxA mulmx_coker mul0mx trmx0 linear0 mulmx0 mul0mx.
by move=> /colP /(_ i); rewrite !mxE.
Qed.

(** Main theorem: an injective family of n x n matrices, invertible off a hyperplane, needs N >= 2 n - 1. *)
Theorem products_needed : (n.*2 <= N.+1)%N.
Proof.
have rows0 : rows set0 = 0 by apply/matrixP => i j; rewrite rowsE inE mul0r mxE.
have start : ~~ (l <= rows set0)%MS by rewrite rows0; apply: contra l_nonzero => /submx0null ->.
case: (@arg_maxnP _ _ (fun S => ~~ (l <= rows S)%MS) (fun S : {set 'I_N} => #|S|) start) => S outside largest.
have enough : (n <= #|S|.+1)%N.
  move: full; rewrite /row_full => /eqP <-.
  have : (A <= col_mx (rows S) l)%MS.
    apply/row_subP => i; case: (boolP (i \in S)) => [iS|niS].
      by rewrite -(row_rows iS) -addsmxE; apply: submx_trans (row_sub _ _) (addsmxSl _ _).
    have : (l <= rows (i |: S))%MS.
      by apply: contraT => out; have := largest _ out; rewrite cardsU1 niS /= ltnn.
    have inc : (rows (i |: S) <= rows S + row i A)%MS.
      apply/row_subP => e; case: (boolP (e \in S)) => [eS|neS].
        rewrite row_rows ?inE ?eS ?orbT // -(row_rows eS).
        by apply: submx_trans (row_sub _ _) (addsmxSl _ _).
      case: (eqVneq e i) => [->|ne]; first by rewrite row_rows ?inE ?eqxx // addsmxSr.
      have -> : row e (rows (i |: S)) = 0; last exact: sub0mx.
      by apply/rowP => j; rewrite mxE rowsE !inE (negbTE ne) (negbTE neS) mul0r mxE.
    move=> /submx_trans /(_ inc) /sub_addsmxP [[u c] /= eq].
    rewrite (mx11_scalar c) mul_scalar_mx in eq; set a := c 0 0 in eq.
    case: (eqVneq a 0) => [zero|nonzero].
      by move: outside; rewrite eq zero scale0r addr0 submxMl.
    have -> : row i A = a^-1 *: (l - u *m rows S) by rewrite eq addrC addKr scalerA mulVf // scale1r.
    rewrite -addsmxE; apply: scalemx_sub; apply: addmx_sub; first exact: addsmxSr.
    by rewrite eqmx_opp; apply: submx_trans (submxMl _ _) (addsmxSl _ _).
  move=> /mxrankS le; apply: leq_trans le _.
  rewrite -addsmxE; apply: leq_trans (mxrank_adds_leqif _ _) _.
  by rewrite -[#|S|.+1]addn1; apply: leq_add => //; apply: rank_leq_row.
have /matrix0Pn [z [j nonzero]] : l *m cokermx (rows S) != 0 by rewrite -submxE.
rewrite (ord1 z) in nonzero.
pose k := col j (cokermx (rows S)).
have dead i : i \in S -> (A *m k) i 0 = 0.
  move=> iS; have /matrixP /(_ i j) := mulmx_coker (rows S); rewrite [RHS]mxE => <-.
  by rewrite !mxE; apply: eq_bigr => e _; rewrite rowsE iS mul1r !mxE.
have unit : combined k \in unitmx.
  by apply: regular; rewrite /k colE mulmxA -colE mxE.
have small : (n <= #|~: S|)%N.
  rewrite -{1}(mxrank_unit unit) /combined -mulmxA; apply: leq_trans (mxrankM_maxr _ _) _.
  apply: leq_trans (mxrankM_maxl _ _) _; apply: (@rank_diag _ _ _ [pred i in ~: S]) => i.
  by rewrite /= inE negbK mxE => /dead.
have : (#|S| + #|~: S| = N)%N by rewrite cardsC card_ord.
move=> total; rewrite -addnn -total -addSn; exact: leq_add.
Qed.

End Bilinear.

Section TruncatedConvolution.

Variables (F : fieldType) (N n : nat) (M0 M1 M2 : 'M[F]_N).
Hypothesis le_nN : (n <= N)%N.

(** The operator is the truncated convolution: T[i, j, j'] = 1 where j + j' = i, and 0 elsewhere. M0 need not even be
    invertible. *)
Theorem padding_needed :
  (forall i j j' : 'I_N, (i < n)%N -> (j < n)%N -> (j' < n)%N -> tensor M0 M1 M2 i j j' = (j + j' == i)%N%:R) ->
  (n.*2 <= N.+1)%N.
Proof.
case: n le_nN => [//|m] le convolution.
pose wide := widen_ord le.
pose A := \matrix_(r, j) M1 r (wide j); pose B := \matrix_(r, j) M2 r (wide j).
pose D := \matrix_(i, r) invmx M0 (wide i) r.
have entry k i j : combined A B D k i j = \sum_j' k j' 0 * (j + j' == i)%N%:R.
  rewrite /combined mul_mx_diag mxE.
  under eq_bigr => r _ do rewrite !mxE mulr_sumr mulr_suml.
  rewrite exchange_big; apply: eq_bigr => j' _ /=.
  have -> : (j + j' == i)%N%:R = tensor M0 M1 M2 (wide i) (wide j) (wide j') by rewrite convolution /= ?ltn_ord.
  rewrite tensorE mxE mulr_sumr; apply: eq_bigr => r _; rewrite !mxE.
  by rewrite (mulrC (M1 _ _)) !mulrA (mulrC (k _ _)) -!mulrA (mulrCA (k _ _)) .
apply: (@products_needed _ _ _ A B D (delta_mx 0 0)) => [|k nonzero|k zero].
- by apply/eqP => /matrixP /(_ 0 0) /eqP; rewrite !mxE !eqxx oner_eq0.
- have trig : is_trig_mx (combined A B D k).
    apply/is_trig_mxP => i j lt; rewrite entry big1 // => j' _.
    by rewrite gtn_eqF ?mulr0 // (leq_trans lt) // leq_addr.
  rewrite unitmxE det_trig // unitfE; apply/prodf_neq0 => i _.
  rewrite entry (bigD1 ord0) //= addn0 eqxx mulr1 big1 ?addr0 => [|j' ne].
    by move: nonzero; rewrite -rowE mxE.
  by rewrite -[X in _ == X]addn0 eqn_add2l (negbTE (ne : (j' : nat) != 0%N)) mulr0.
- apply/colP => i; have /matrixP /(_ i ord0) := zero; rewrite entry => eq; rewrite [RHS]mxE; move: eq; rewrite [RHS]mxE => <-.
  rewrite (bigD1 i) //= add0n eqxx mulr1 big1 ?addr0 // => j' ne.
  by rewrite add0n (_ : (j' == i :> nat) = false) ?mulr0 //; apply: negbTE.
Qed.

End TruncatedConvolution.

Section NoPadding.

Variables (F : fieldType) (N : nat) (M : 'M[F]_N).
Hypothesis invertible : M \in unitmx.

Let A := invmx M.

(** With n = N, v lies in V_m when the coordinates below m vanish. *)
Let withinP m v : within N M m v <-> forall i : 'I_N, (i < m)%N -> (A *m v) i 0 = 0.
Proof.
split=> [[x -> zero] i lt|zero]; first by rewrite mulKmx // zero.
by exists (A *m v) => [|i lt _]; [rewrite mulKVmx | apply: zero].
Qed.

(** The function that is v at p and zero elsewhere. *)
Let only (p : 'I_N) (v : 'cV[F]_N) : 'cV[F]_N := v p 0 *: delta_mx p 0.

Section Causal.

Hypothesis causes : causal N M M M.

(** The V_m are closed under restriction to a point. *)
Let restrict m p v : within N M m v -> within N M m (only p v).
Proof.
move=> [x -> zero]; pose y := A *m (delta_mx p 0 : 'cV[F]_N).
have point : (delta_mx p 0 : 'cV[F]_N) = M *m y by rewrite mulKVmx.
have -> : only p (M *m x) = \sum_j \sum_j' (x j 0 * y j' 0) *: pointwise (col j M) (col j' M).
  have -> : only p (M *m x) = pointwise (M *m x) (M *m y).
    apply/colP => r; rewrite -point !mxE andbT; case: eqP => [->|]; rewrite ?mulr1 ?mulr0 //.
  apply/colP => r; rewrite !mxE summxE mulr_suml; apply: eq_bigr => j _.
  rewrite summxE mulr_sumr; apply: eq_bigr => j' _; rewrite !mxE.
  by rewrite mulrACA mulrC.
apply: within_sum => j _; apply: within_sum => j' _.
case: (ltnP j m) => [lt|le]; first by rewrite zero // mul0r scale0r; apply: within0.
apply: withinZ; have /(characterisation N invertible) closed := causes.
by apply: within_smaller (closed j j' (ltn_ord j) (ltn_ord j')); apply: leq_trans le (leq_maxl _ _).
Qed.

Let nonzero_column p : [exists i, A i p != 0].
Proof.
apply: contraT; rewrite negb_exists => /forallP zero.
have : (delta_mx p 0 : 'cV[F]_N) = 0.
  rewrite -[LHS](mulKVmx invertible) -/A -colE (_ : col p A = 0) ?mulmx0 //.
  by apply/colP => i; rewrite !mxE; apply/eqP; have := zero i; rewrite negbK.
by move=> /colP /(_ p) /eqP; rewrite !mxE !eqxx oner_eq0.
Qed.

(** Where the indicator of p drops out of the V_m: the first coordinate that is not zero. *)
Let drops_at p : exists m : 'I_N, A m p != 0 /\ forall i : 'I_N, (i < m)%N -> A i p = 0.
Proof.
have [i0 nonzero] := existsP (nonzero_column p).
case: (@arg_minnP _ i0 (fun i => A i p != 0) (fun i : 'I_N => val i) nonzero) => m found least.
exists m; split=> // i lt; apply/eqP; apply: contraTT lt => other.
by rewrite -leqNgt; apply: least.
Qed.

Theorem causal_triangular :
  exists s : {perm 'I_N}, forall p j : 'I_N, (s p < j)%N -> M p j = 0.
Proof.
have [first firsts] := fin_all_exists drops_at.
have injective_first : injective first.
  move=> p p' same; apply/eqP; apply: contraT => ne; have [found before] := firsts p.
  have [found' before'] := firsts p'; rewrite -same in found' before'.
  pose v : 'cV[F]_N := A (first p) p' *: delta_mx p 0 - A (first p) p *: delta_mx p' 0.
  have coordinates i : (A *m v) i 0 = A (first p) p' * A i p - A (first p) p * A i p'.
    by rewrite mulmxBr -!scalemxAr -!colE !mxE.
  have /(restrict p) /withinP zero : within N M (first p).+1 v.
    apply/withinP => i; rewrite coordinates ltnS leq_eqVlt => /orP [/eqP /val_inj ->|lt].
      by rewrite mulrC subrr.
    by rewrite (before _ lt) (before' _ lt) !mulr0 subrr.
  have at_p : v p 0 = A (first p) p' by rewrite !mxE !eqxx (negbTE ne) /= mulr1 mulr0 subr0.
  have /eqP := zero (first p) (ltnSn _); rewrite /only at_p -scalemxAr -colE mxE [col _ _ _ _]mxE.
  by rewrite mulf_eq0 (negbTE found) (negbTE found').
exists (perm injective_first) => p j; rewrite permE => lt; apply/eqP; apply: contraT => nonzero.
have [found _] := firsts p.
have /(restrict p) /withinP /(_ _ lt) : within N M j (col j M) by apply: within_col.
by rewrite /only -scalemxAr -colE !mxE => /eqP; rewrite mulf_eq0 (negbTE nonzero) (negbTE found).
Qed.

End Causal.

(** Main theorem without padding. *)
Theorem unpadded :
  causal N M M M <-> exists s : {perm 'I_N}, forall p j : 'I_N, (s p < j)%N -> M p j = 0.
Proof.
split=> [|[s zero]]; first exact: causal_triangular.
pose L : 'M[F]_N := \matrix_(i, j) M ((s^-1)%g i) j.
have triangular (e j : 'I_N) : L e j != 0 -> (j <= e)%N.
  by rewrite mxE leqNgt; apply: contraNN => lt; rewrite zero // permKV.
have L_unit : L \in unitmx.
  have -> : L = perm_mx (s^-1)%g *m M by rewrite -row_permE; apply/matrixP => i j; rewrite !mxE.
  by rewrite unitmx_mul unitmx_perm.
have diagonal j : L j j != 0.
  have trig : is_trig_mx L.
    by apply/is_trig_mxP => e i lt; apply/eqP; apply: contraTT lt => /triangular; rewrite -leqNgt.
  by move: L_unit; rewrite unitmxE det_trig // unitfE => /prodf_neq0; apply.
apply/(characterisation N invertible) => j j' _ _; apply/withinP => i; rewrite ltnNge => out; apply/eqP.
apply: contraNT out; rewrite geq_max; set v := pointwise _ _.
have solves e : (L *m (A *m v)) e 0 = v ((s^-1)%g e) 0.
  have /colP /(_ ((s^-1)%g e)) := mulKVmx invertible v; rewrite -/A => <-.
  by rewrite mxE [RHS]mxE; apply: eq_bigr => l _; rewrite mxE.
have le_trans : transitive (fun i j : 'I_N => (i <= j)%N) by move=> y x z; apply: leq_trans.
have above (l : 'I_N) : (forall e : 'I_N, v ((s^-1)%g e) 0 != 0 -> (l <= e)%N) ->
    (A *m v) i 0 != 0 -> (l <= i)%N.
  by move=> starts; apply: (solution_above le_trans (fun _ _ => id) triangular diagonal) => e; rewrite solves; apply: starts.
move=> nonzero; apply/andP; split; apply: above nonzero => e; rewrite mxE mulf_eq0 negb_or => /andP [nz nz'].
  by apply: triangular; move: nz; rewrite !mxE.
by apply: triangular; move: nz'; rewrite !mxE.
Qed.

End NoPadding.

Print Assumptions products_needed.
Print Assumptions padding_needed.
Print Assumptions causal_triangular.
Print Assumptions unpadded.
