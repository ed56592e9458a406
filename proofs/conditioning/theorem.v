(** The condition bound, in the 2-norm over the complex numbers, for every order. The blocks of the causal family are
    F D C: a DFT, a diagonal of roots of unity, coefficients C = 1 + E. If no E stretches a vector by more than rho < 1,
    then M stretches one vector at most ((1 + rho) / (1 - rho))^p times as much as another, and differs from the DFT by at
    most (1 + rho)^p - 1 of the norm of the DFT. *)
From mathcomp Require Import all_ssreflect order ssralg ssrnum matrix poly mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.identities entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The blocks: values of polynomials of degree below b, at w^(i M + I), are a DFT of length b, a diagonal of roots, and
    the coefficients, which are triangular in the causal family. *)
Theorem blocks_factor (F : fieldType) (w : F) b M I (f : 'I_b -> {poly F}) : (forall a, (size (f a) <= b)%N) ->
  \matrix_(i < b, a < b) (f a).[w ^+ (i * M + I)]
  = (\matrix_(i < b, c < b) (w ^+ M) ^+ (i * c)) *m diag_mx (\row_c w ^+ (I * c)) *m (\matrix_(c < b, a < b) (f a)`_c).
Proof.
move=> small; apply/matrixP => i a; rewrite mxE [RHS]mxE (horner_coef_wide _ (small a)).
apply: eq_bigr => c _; rewrite mul_mx_diag !mxE mulrC; congr (_ * _).
by rewrite -!exprM -exprD mulnDl; congr (w ^+ (_ + _)%N); rewrite mulnAC mulnA (mulnC _ M) -mulnA.
Qed.

(** Coefficients from Y^a on make the last of these lower triangular; monic ones, with ones on its diagonal. *)
Theorem coefficients_triangular (F : fieldType) b (f : 'I_b -> {poly F}) :
  (forall a : 'I_b, (forall e, (e < a)%N -> (f a)`_e = 0) /\ (f a)`_a = 1) ->
  is_trig_mx (\matrix_(c < b, a < b) (f a)`_c) /\ \det (\matrix_(c < b, a < b) (f a)`_c) = 1.
Proof.
move=> starts; have trig : is_trig_mx (\matrix_(c < b, a < b) (f a)`_c).
  by apply/is_trig_mxP => c a lt; rewrite mxE; have [zero _] := starts a; apply: zero.
split=> //; rewrite det_trig // big1 // => a _; rewrite mxE; exact: (starts a).2.
Qed.

(** The 2-norm. *)

Section Weights.

Variable F : fieldType.
Add Field F_field : (field_laws F).

Lemma weights (s t U V : F) : s != 0 -> t != 0 ->
  (s + t) * (U ^+ 2 / s + V ^+ 2 / t) - (U + V) ^+ 2 = (t * U - s * V) ^+ 2 / (s * t).
Proof. by move=> /eqP s0 /eqP t0; rewrite !expr2; by_field F. Qed.

Lemma cancelled (K u l a b : F) : l != 0 -> K * u * a * b = u / l * (a * (K * l * b)).
Proof. by move=> /eqP l0; by_field F. Qed.

Lemma parted (rho K k u : F) :
  ((1 + rho) * u - 1) * (K * k) = K * u * (k * rho) + (u - 1) * K * k.
Proof. by by_ring F. Qed.

End Weights.

Section Length.

Variable C : numClosedFieldType.

Definition squares n (x : 'cV[C]_n) : C := \sum_i `|x i ord0| ^+ 2.
Definition length n (x : 'cV[C]_n) : C := sqrtC (squares x).

Lemma squares_ge0 n (x : 'cV[C]_n) : 0 <= squares x.
Proof. by apply: sumr_ge0 => i _; rewrite exprn_ge0. Qed.

Lemma length_ge0 n (x : 'cV[C]_n) : 0 <= length x.
Proof. by rewrite sqrtC_ge0 squares_ge0. Qed.

Lemma length_sqr n (x : 'cV[C]_n) : length x ^+ 2 = squares x.
Proof. exact: sqrtCK. Qed.

Lemma length_le n k (x : 'cV[C]_n) (y : 'cV[C]_k) c : 0 <= c ->
  (length x <= c * length y) = (squares x <= c ^+ 2 * squares y).
Proof.
by move=> pos; rewrite -(ler_pexpn2r (_ : 0 < 2)%N) ?nnegrE ?mulr_ge0 ?length_ge0 // exprMn !length_sqr.
Qed.

Lemma length_ge n k (x : 'cV[C]_n) (y : 'cV[C]_k) c : 0 <= c ->
  (c * length y <= length x) = (c ^+ 2 * squares y <= squares x).
Proof.
by move=> pos; rewrite -(ler_pexpn2r (_ : 0 < 2)%N) ?nnegrE ?mulr_ge0 ?length_ge0 // exprMn !length_sqr.
Qed.

Lemma length_eq0 n (x : 'cV[C]_n) : length x = 0 -> x = 0.
Proof.
move=> /eqP; rewrite sqrtC_eq0 => /eqP zero; apply/colP => i; rewrite mxE; apply/eqP.
rewrite -normr_eq0 -sqrf_eq0; apply/eqP; apply: (psumr_eq0P _ zero) => // j _; exact: exprn_ge0.
Qed.

Lemma length0 n : length (0 : 'cV[C]_n) = 0.
Proof. by apply/eqP; rewrite sqrtC_eq0 /squares big1 // => i _; rewrite mxE normr0 expr0n. Qed.

Lemma lengthN n (x : 'cV[C]_n) : length (- x) = length x.
Proof. by congr sqrtC; apply: eq_bigr => i _; rewrite mxE normrN. Qed.

(** Summed over the entries, with s and t the lengths, this is the triangle inequality. *)
Lemma split_square (u v s t : C) : 0 < s -> 0 < t -> `|u + v| ^+ 2 <= (s + t) * (`|u| ^+ 2 / s + `|v| ^+ 2 / t).
Proof.
move=> pos_s pos_t; apply: (@le_trans _ _ ((`|u| + `|v|) ^+ 2)).
  by rewrite ler_pexpn2r ?nnegrE ?addr_ge0 ?normr_ge0 // ler_norm_add.
rewrite -subr_ge0 weights ?gt_eqF //; apply: divr_ge0; last by rewrite mulr_ge0 ?ltW.
by apply: real_exprn_even_ge0 => //; rewrite rpredB ?rpredM ?normr_real ?(gtr0_real pos_s) ?(gtr0_real pos_t).
Qed.

Lemma triangle n (x y : 'cV[C]_n) : length (x + y) <= length x + length y.
Proof.
have [/length_eq0 ->|nonzero_x] := eqVneq (length x) 0; first by rewrite add0r length0 add0r.
have [/length_eq0 ->|nonzero_y] := eqVneq (length y) 0; first by rewrite addr0 length0 addr0.
have pos_x : 0 < length x by rewrite lt_def nonzero_x length_ge0.
have pos_y : 0 < length y by rewrite lt_def nonzero_y length_ge0.
rewrite -(ler_pexpn2r (_ : 0 < 2)%N) ?nnegrE ?addr_ge0 ?length_ge0 // length_sqr.
apply: (@le_trans _ _ (\sum_i (length x + length y) * (`|x i ord0| ^+ 2 / length x + `|y i ord0| ^+ 2 / length y))).
  by apply: ler_sum => i _; rewrite mxE; apply: split_square.
rewrite -mulr_sumr big_split /= -!mulr_suml -/(squares x) -/(squares y) -!length_sqr.
by rewrite !expr2 !mulfK.
Qed.

Lemma triangle_below n (x y : 'cV[C]_n) : length x - length y <= length (x + y).
Proof. by rewrite ler_subl_addr -(lengthN y) -{1}(addrK y x); apply: triangle. Qed.

(** A stretches no vector by more than c, or none by less. *)
Definition above m n (A : 'M[C]_(m, n)) (c : C) : Prop := forall x : 'cV_n, length (A *m x) <= c * length x.
Definition below m n (A : 'M[C]_(m, n)) (c : C) : Prop := forall x : 'cV_n, c * length x <= length (A *m x).

Lemma above_mul m n k (A : 'M[C]_(m, n)) (B : 'M[C]_(n, k)) c d :
  0 <= c -> above A c -> above B d -> above (A *m B) (c * d).
Proof.
move=> pos up_A up_B x; rewrite -mulmxA -mulrA; apply: le_trans (up_A _) _.
by apply: ler_wpmul2l.
Qed.

Lemma below_mul m n k (A : 'M[C]_(m, n)) (B : 'M[C]_(n, k)) c d :
  0 <= c -> below A c -> below B d -> below (A *m B) (c * d).
Proof.
move=> pos low_A low_B x; rewrite -mulmxA -mulrA; apply: le_trans (low_A _).
by apply: ler_wpmul2l.
Qed.

Lemma above_add m n (A B : 'M[C]_(m, n)) c d : above A c -> above B d -> above (A + B) (c + d).
Proof. by move=> up_A up_B x; rewrite mulmxDl mulrDl; apply: le_trans (triangle _ _) (ler_add (up_A x) (up_B x)). Qed.

Lemma near_identity_above n (E : 'M[C]_n) rho : above E rho -> above (1%:M + E) (1 + rho).
Proof. by apply: above_add => x; rewrite mul1mx mul1r. Qed.

Lemma near_identity_below n (E : 'M[C]_n) rho : above E rho -> below (1%:M + E) (1 - rho).
Proof.
move=> up x; rewrite mulmxDl mul1mx mulrBl mul1r; apply: le_trans (triangle_below _ _).
by rewrite ler_add2l ler_opp2.
Qed.

(** The permutations and the block-diagonal stages. *)

Lemma stride_length m n (x : 'cV[C]_(m * n)) : length (stride C m n *m x) = length x.
Proof.
congr sqrtC; rewrite /squares !big_join exchange_big /=; apply: eq_bigr => t _; apply: eq_bigr => s _.
rewrite mxE (bigD1 (join t s)) //= mxE !high_join !low_join !eqxx mul1r big1 ?addr0 // => j.
case: (join_split j) => t' [s' ->]; rewrite mxE !high_join !low_join eq_join andbC (eq_sym s) (eq_sym t).
by move=> /negbTE ->; rewrite mul0r.
Qed.

Definition part k n (x : 'cV[C]_(k * n)) h : 'cV[C]_n := \col_l x (join h l) ord0.

Lemma squares_parts k n (x : 'cV[C]_(k * n)) : squares x = \sum_h squares (part x h).
Proof. by rewrite /squares big_join; apply: eq_bigr => h _; apply: eq_bigr => l _; rewrite mxE. Qed.

Lemma part_stage k m n (B : 'I_k -> 'M[C]_(m, n)) (x : 'cV[C]_(k * n)) h :
  part (block_diagonal B *m x) h = B h *m part x h.
Proof.
apply/colP => l; rewrite mxE mxE big_join (bigD1 h) //= [X in _ + X]big1 ?addr0 => [|h' /negbTE differ].
  by rewrite mxE; apply: eq_bigr => a _; rewrite !mxE !high_join !low_join eqxx mul1r.
by rewrite big1 // => a _; rewrite !mxE !high_join eq_sym differ !mul0r.
Qed.

Lemma above_stage k m n (B : 'I_k -> 'M[C]_(m, n)) c :
  0 <= c -> (forall h, above (B h) c) -> above (block_diagonal B) c.
Proof.
move=> pos up x; rewrite length_le // !squares_parts mulr_sumr; apply: ler_sum => h _.
by rewrite part_stage -length_le //; apply: up.
Qed.

Lemma below_stage k m n (B : 'I_k -> 'M[C]_(m, n)) c :
  0 <= c -> (forall h, below (B h) c) -> below (block_diagonal B) c.
Proof.
move=> pos low x; rewrite length_ge // !squares_parts mulr_sumr; apply: ler_sum => h _.
by rewrite part_stage -length_ge //; apply: low.
Qed.

Lemma above_order2 m0 m1 n0 n1 (L : 'I_m0 -> 'M[C]_(m1, n1)) (B : 'I_n1 -> 'M[C]_(m0, n0)) c d :
  0 <= c -> 0 <= d -> (forall s, above (L s) c) -> (forall a, above (B a) d) -> above (monarch2 L B) (c * d).
Proof.
move=> pos_c pos_d up_L up_B x; rewrite /monarch2 -!mulmxA stride_length -mulrA.
apply: le_trans (above_stage pos_c up_L _) _; apply: ler_wpmul2l => //; rewrite stride_length.
by apply: le_trans (above_stage pos_d up_B _) _; rewrite stride_length.
Qed.

Lemma below_order2 m0 m1 n0 n1 (L : 'I_m0 -> 'M[C]_(m1, n1)) (B : 'I_n1 -> 'M[C]_(m0, n0)) c d :
  0 <= c -> 0 <= d -> (forall s, below (L s) c) -> (forall a, below (B a) d) -> below (monarch2 L B) (c * d).
Proof.
move=> pos_c pos_d low_L low_B x; rewrite /monarch2 -!mulmxA stride_length -mulrA.
apply: le_trans (below_stage pos_c low_L _); apply: ler_wpmul2l => //; rewrite stride_length.
by apply: le_trans (below_stage pos_d low_B _); rewrite stride_length.
Qed.

(** The DFT of length b is the square root of b times an isometry. *)

Lemma root_norm (w : C) n : (0 < n)%N -> w ^+ n = 1 -> `|w| = 1.
Proof. by move=> pos one; apply/eqP; rewrite -(@pexpr_eq1 _ _ n) // -normrX one normr1. Qed.

Lemma fourier_length b (z : C) (x : 'cV[C]_b) : b.-primitive_root z ->
  length ((\matrix_(i < b, c < b) z ^+ (i * c)) *m x) = sqrtC b%:R * length x.
Proof.
move=> primitive; have pos := prim_order_gt0 primitive; have one := prim_expr_order primitive.
rewrite -sqrtCM ?nnegrE ?ler0n ?squares_ge0 //; congr sqrtC.
have conj_z : z * z^* = 1 by rewrite -normCK (root_norm pos one) expr1n.
have orthogonal (c c' : 'I_b) : \sum_(i < b) z ^+ (i * c) * (z ^+ (i * c'))^* = (c == c')%:R * b%:R.
  pose r := z ^+ c * (z ^+ c')^*.
  have -> : \sum_(i < b) z ^+ (i * c) * (z ^+ (i * c'))^* = \sum_(i < b) r ^+ i.
    by apply: eq_bigr => i _; rewrite exprMn -rmorphX -!exprM !(mulnC i).
  have r_z : r * z ^+ c' = z ^+ c.
    by rewrite /r -mulrA (mulrC _^*) rmorphX -exprMn conj_z expr1n mulr1.
  case: eqVneq => [same|differ].
    have -> : r = 1 by rewrite /r same rmorphX -exprMn conj_z expr1n.
    by under eq_bigr => i _ do rewrite expr1n; rewrite sumr_const card_ord mul1r.
  have r_ne1 : r != 1.
    apply: contra differ => /eqP r1; move: r_z; rewrite r1 mul1r => /eqP.
    by rewrite (eq_prim_root_expr primitive) !modn_small // => /eqP e; apply/eqP/val_inj.
  have r_b : r ^+ b = 1.
    by rewrite /r exprMn -rmorphX -!exprM !(mulnC _ b) !exprM one !expr1n rmorph1 mulr1.
  rewrite mul0r; apply: (mulfI (_ : r - 1 != 0)); first by rewrite subr_eq0.
  by rewrite mulr0 -subrX1 r_b subrr.
rewrite /squares; transitivity (\sum_(i < b) \sum_(c < b) \sum_(c' < b) x c ord0 * (x c' ord0)^* * (z ^+ (i * c) * (z ^+ (i * c'))^*)).
  apply: eq_bigr => i _; rewrite normCK mxE rmorph_sum mulr_suml; apply: eq_bigr => c _.
  by rewrite mulr_sumr; apply: eq_bigr => c' _; rewrite !mxE rmorphM mulrACA mulrC.
rewrite exchange_big mulr_sumr; apply: eq_bigr => c _; rewrite exchange_big /=.
under eq_bigr => c' _ do rewrite -mulr_sumr orthogonal mulrA.
rewrite -mulr_suml mulrC (bigD1 c) //= eqxx mulr1 -normCK big1 ?addr0 // => c' /negbTE differ.
by rewrite eq_sym differ mulr0.
Qed.

Lemma diagonal_length b (d : 'rV[C]_b) (x : 'cV[C]_b) : (forall c, `|d ord0 c| = 1) -> length (diag_mx d *m x) = length x.
Proof.
by move=> unit; congr sqrtC; apply: eq_bigr => c _; rewrite mul_diag_mx mxE normrM unit mul1r.
Qed.

(** Members of the family, near the DFT: at each stage, blocks U (1 + E), U a multiple of an isometry. *)

Section Bounded.

Variable rho : C.
Hypothesis rho_ge0 : 0 <= rho.

(** A = U (1 + E), and A0 = U is the block of the DFT. *)
Definition near_block m n (A A0 : 'M[C]_(m, n)) : Prop :=
  (forall x, length (A0 *m x) = sqrtC m%:R * length x) /\ exists2 E : 'M[C]_n, A = A0 *m (1%:M + E) & above E rho.

Fixpoint near (rs : radices) : factors C rs -> factors C rs -> Prop :=
  if rs is (m, n) :: rest
  then fun G G0 => (forall l, near_block (G.1 l) (G0.1 l)) /\ forall s, near (G.2 s) (G0.2 s)
  else fun _ _ => True.

Let root_ge0 m : 0 <= sqrtC m%:R :> C.
Proof. by rewrite sqrtC_ge0 ler0n. Qed.

Let up_ge0 : 0 <= 1 + rho.
Proof. by rewrite addr_ge0 ?ler01. Qed.

Lemma near_block_above m n (A A0 : 'M[C]_(m, n)) : near_block A A0 -> above A (sqrtC m%:R * (1 + rho)).
Proof. by move=> [rigid [E -> up]]; apply: above_mul => // [x|]; [rewrite rigid | apply: near_identity_above]. Qed.

Lemma near_block_below m n (A A0 : 'M[C]_(m, n)) : near_block A A0 -> below A (sqrtC m%:R * (1 - rho)).
Proof. by move=> [rigid [E -> up]]; apply: below_mul => // [x|]; [rewrite rigid | apply: near_identity_below]. Qed.

Lemma root_outputs m n rest : sqrtC (outputs ((m, n) :: rest))%:R = sqrtC (outputs rest)%:R * sqrtC m%:R :> C.
Proof. by rewrite /= natrM sqrtCM // nnegrE ler0n. Qed.

(** No vector is stretched by more than sqrt N (1 + rho)^p. *)
Theorem stretched_above rs (G G0 : factors C rs) : near G G0 ->
  above (monarch G) (sqrtC (outputs rs)%:R * (1 + rho) ^+ size rs).
Proof.
elim: rs G G0 => [|[m n] rest IH] G G0; first by move=> _ x /=; rewrite sqrtC1 expr0 mulr1 mul1mx mul1r.
move=> [blocks later] x; rewrite root_outputs exprSr mulrACA.
by apply: above_order2; rewrite ?mulr_ge0 ?exprn_ge0 // => s; [apply: IH (later s) | apply: near_block_above (blocks s)].
Qed.

(** By less than sqrt N (1 - rho)^p. *)
Theorem stretched_below rs (G G0 : factors C rs) : rho <= 1 -> near G G0 ->
  below (monarch G) (sqrtC (outputs rs)%:R * (1 - rho) ^+ size rs).
Proof.
rewrite -subr_ge0 => low_ge0.
elim: rs G G0 => [|[m n] rest IH] G G0; first by move=> _ x /=; rewrite sqrtC1 expr0 mulr1 mul1mx mul1r.
move=> [blocks later] x; rewrite root_outputs exprSr mulrACA.
by apply: below_order2; rewrite ?mulr_ge0 ?exprn_ge0 // => s; [apply: IH (later s) | apply: near_block_below (blocks s)].
Qed.

(** The condition number: no vector is stretched more than ((1 + rho) / (1 - rho))^p times as much as another. *)
Theorem condition_bound rs (G G0 : factors C rs) : rho < 1 -> near G G0 ->
  forall x y, length (monarch G *m x) * length y
    <= ((1 + rho) / (1 - rho)) ^+ size rs * (length x * length (monarch G *m y)).
Proof.
move=> lt1 close x y; have low : 0 < 1 - rho by rewrite subr_gt0.
pose K : C := sqrtC (outputs rs)%:R; set u := (1 + rho) ^+ size rs; set l := (1 - rho) ^+ size rs.
have pos_l : 0 < l by apply: exprn_gt0.
have [pos_K pos_u] : 0 <= K /\ 0 <= u by rewrite root_ge0 exprn_ge0.
have -> : ((1 + rho) / (1 - rho)) ^+ size rs = u / l by rewrite exprMn exprVn.
apply: (@le_trans _ _ (K * u * length x * length y)).
  by apply: ler_wpmul2r; rewrite ?length_ge0 //; apply: stretched_above close x.
have -> : K * u * length x * length y = u / l * (length x * (K * l * length y)).
  by apply: cancelled; rewrite gt_eqF.
apply: ler_wpmul2l; first by rewrite divr_ge0 // ltW.
by apply: ler_wpmul2l; rewrite ?length_ge0 //; apply: stretched_below (ltW lt1) close y.
Qed.

(** The matrix with all E = 0 is the DFT, of norm sqrt N: the distance from it. *)

Lemma rigid_above rs (G G0 : factors C rs) : near G G0 -> above (monarch G0) (sqrtC (outputs rs)%:R).
Proof.
elim: rs G G0 => [|[m n] rest IH] G G0; first by move=> _ x /=; rewrite sqrtC1 mul1mx mul1r.
move=> [blocks later]; rewrite root_outputs; apply: above_order2 => // [s|a]; first exact: IH (later s).
by move=> x; rewrite (blocks a).1.
Qed.

Lemma difference_order2 m0 m1 n0 n1 (L L0 : 'I_m0 -> 'M[C]_(m1, n1)) (B B0 : 'I_n1 -> 'M[C]_(m0, n0)) :
  monarch2 L B - monarch2 L0 B0 = monarch2 L (fun a => B a - B0 a) + monarch2 (fun s => L s - L0 s) B0.
Proof.
apply/matrixP => i j; case: (join_split i) => t [s ->]; case: (join_split j) => a0 [a ->].
rewrite [LHS]mxE [RHS]mxE [(- monarch2 _ _) _ _]mxE !entry_order2 [in X in _ = _ * X + _]mxE [in X in _ = _ + X * _]mxE.
by rewrite [in X in _ = _ * X + _]mxE [in X in _ = _ + X * _]mxE mulrBr mulrBl addrA subrK.
Qed.

Theorem distance_bound rs (G G0 : factors C rs) : near G G0 ->
  above (monarch G - monarch G0) (((1 + rho) ^+ size rs - 1) * sqrtC (outputs rs)%:R).
Proof.
elim: rs G G0 => [|[m n] rest IH] G G0; first by move=> _ x /=; rewrite subrr mul0mx length0 expr0 subrr !mul0r.
move=> [blocks later]; rewrite root_outputs /= difference_order2.
set K := sqrtC (outputs rest)%:R; set k := sqrtC m%:R; set u := (1 + rho) ^+ size rest.
have [K_ge0 k_ge0] : 0 <= K /\ 0 <= k by rewrite !root_ge0.
have u_ge1 : 0 <= u - 1 by rewrite subr_ge0 exprn_ege1 // ler_addl.
have -> : ((1 + rho) ^+ (size rest).+1 - 1) * (K * k) = K * u * (k * rho) + (u - 1) * K * k.
  by rewrite exprS; apply: parted.
apply: above_add; apply: above_order2; rewrite ?mulr_ge0 ?exprn_ge0 //.
- by move=> s; apply: stretched_above (later s).
- move=> a; have [rigid [E -> up]] := blocks a; rewrite mulmxDr mulmx1 addrAC subrr add0r.
  by apply: above_mul => // x; rewrite rigid.
- by move=> s; apply: IH (later s).
by move=> a x; rewrite (blocks a).1.
Qed.

(** The blocks of the causal family are such blocks. *)
Theorem family_block b M I (w : C) (f : 'I_b -> {poly C}) :
  (b * M).-primitive_root w -> (forall a, (size (f a) <= b)%N) ->
  above ((\matrix_(c < b, a < b) (f a)`_c) - 1%:M) rho ->
  near_block (\matrix_(i < b, a < b) (f a).[w ^+ (i * M + I)]) (\matrix_(i < b, a < b) ('X^a).[w ^+ (i * M + I)]).
Proof.
move=> primitive small up; have := prim_order_gt0 primitive; rewrite muln_gt0 => /andP [pos_b pos_M].
have sizes (a : 'I_b) : (size ('X^a : {poly C}) <= b)%N by rewrite size_polyXn.
have identity : (\matrix_(c < b, a < b) ('X^a : {poly C})`_c) = 1%:M.
  by apply/matrixP => c a; rewrite !mxE coefXn.
have factor := blocks_factor w M I sizes; rewrite identity mulmx1 in factor.
split; last first.
  exists ((\matrix_(c < b, a < b) (f a)`_c) - 1%:M) => //.
  by rewrite (blocks_factor w M I small) factor addrC subrK.
move=> x; rewrite factor -mulmxA fourier_length; last by have := dvdn_prim_root primitive (dvdn_mulr M (dvdnn b)); rewrite mulKn.
rewrite diagonal_length // => c; rewrite mxE normrX (root_norm (prim_order_gt0 primitive)) ?expr1n //.
exact: prim_expr_order.
Qed.

End Bounded.

End Length.

Print Assumptions blocks_factor.
Print Assumptions coefficients_triangular.
Print Assumptions stretched_above.
Print Assumptions stretched_below.
Print Assumptions condition_bound.
Print Assumptions distance_bound.
Print Assumptions family_block.
