(** One polynomial raised: with q_j = Z^j + c Z^m among monomials, the operator leaks at output i = 2m mod N, if i < j and
    the exponents 2j, m + j and 2m are different modulo N, and none is j. And the exceptions, where it does not. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra.
From MonarchProofs Require Import foundations.points foundations.operator foundations.identities.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Raised.

Variables (F : fieldType) (N : nat) (w c : F).
Hypothesis primitive : N.-primitive_root w.
Hypothesis c_nonzero : c != 0.
Variables (j m : 'I_N).
Hypothesis differ : j != m.

(** Values of Z^k, and of the raised q_j. *)
Definition power (k : nat) : 'cV[F]_N := \col_l (w ^+ l) ^+ k.
Definition raised : 'M[F]_N := \matrix_(l, k) ((w ^+ l) ^+ k + (k == j)%:R * (c * (w ^+ l) ^+ m)).

Lemma power_mod k : power (k %% N) = power k.
Proof. by apply/colP => l; rewrite !mxE -!exprM !(mulnC l) !exprM (prim_expr_mod primitive). Qed.

Lemma raised_other (k : 'I_N) : k != j -> raised *m delta_mx k 0 = power k.
Proof. by move=> /negbTE ne; rewrite -colE; apply/colP => l; rewrite !mxE ne mul0r addr0. Qed.

Lemma raised_unit : raised \in unitmx.
Proof.
pose V : 'M[F]_N := vandermonde (fun i : 'I_N => w ^+ i); pose E : 'M[F]_N := delta_mx m j.
have nilpotent : E *m E = 0 by rewrite mul_delta_mx_0 // eq_sym.
have -> : raised = V *m (1%:M + c *: E).
  rewrite mulmxDr mulmx1 -scalemxAr; apply/matrixP => l k.
  rewrite mxE [RHS]mxE [V l k]mxE [(c *: (V *m E)) l k]mxE [(V *m E) l k]mxE; congr (_ + _).
  rewrite (bigD1 m) //= big1 => [|i /negbTE ne]; last by rewrite [E i k]mxE ne mulr0.
  by rewrite [V l m]mxE [E m k]mxE eqxx addr0 /= mulrC -mulrA.
rewrite unitmx_mul vandermonde_unit /=; last exact: powers_distinct primitive.
have /mulmx1_unit [] // : (1%:M + c *: E) *m (1%:M - c *: E) = 1%:M.
by rewrite mulmxDl mul1mx mulmxBr mulmx1 -scalemxAl -scalemxAr nilpotent !scaler0 subr0 subrK.
Qed.

(** q_j^2 = Z^2j + 2 c Z^(m + j) + c^2 Z^2m. *)
Lemma square : \col_l (raised l j * raised l j) = power (j + j) + (c *+ 2) *: power (m + j) + c ^+ 2 *: power (m + m).
Proof.
apply/colP => l; set x := w ^+ l; have e : raised l j = x ^+ j + c * x ^+ m by rewrite mxE eqxx mul1r.
have terms k1 k2 k3 c2 c3 : (power k1 + c2 *: power k2 + c3 *: power k3) l 0 = x ^+ k1 + c2 * x ^+ k2 + c3 * x ^+ k3.
  by rewrite !mxE.
rewrite terms mxE e -expr2 sqrrD.
have twice k : (x ^+ k) ^+ 2 = x ^+ (k + k) by rewrite expr2 exprD.
by rewrite exprMn !twice mulrCA -exprD (addnC j) mulrnAl.
Qed.

Variables (a b i : 'I_N).
Hypothesis first : (a == j + j %[mod N])%N.
Hypothesis second : (b == m + j %[mod N])%N.
Hypothesis third : (i == m + m %[mod N])%N.
Hypotheses (a_j : a != j) (b_j : b != j) (i_j : i != j) (i_a : i != a) (i_b : i != b).

Lemma reduced (k : 'I_N) e : (k == e %[mod N])%N -> power e = power k.
Proof. by move=> /eqP same; rewrite -(power_mod e) -same power_mod. Qed.

Theorem raised_tensor : tensor raised raised raised i j j = c ^+ 2.
Proof.
rewrite tensorE square (reduced first) (reduced second) (reduced third).
rewrite -!raised_other // !scalemxAr -!mulmxDr mulKmx ?raised_unit //.
by rewrite !mxE !eqxx (negbTE i_a) (negbTE i_b) mulr0 !add0r mulr1.
Qed.

Corollary raised_leaks n : (i < j)%N -> (j < n)%N -> ~ causal n raised raised raised.
Proof.
move=> lt_ij lt_jn /causal_tensor /(_ i j j (ltn_trans lt_ij lt_jn) lt_jn lt_jn lt_ij); rewrite raised_tensor.
by move=> /eqP; rewrite expf_eq0 (negbTE c_nonzero) andbF.
Qed.

End Raised.

Section Identity.

Variable F : fieldType.
Add Field F_field : (field_laws F).

Lemma raised_square (z c y : F) :
  (z + c * y) * (z + c * y) = z * z + (c + c) * (z * y + c * (y * y)) - c * c * (y * y).
Proof. by by_ring F. Qed.

End Identity.

(** The last polynomial raised: l_a = Z^a + c Z^b among monomials, a >= 1, radices (2 h + 2, b). All columns with last
    digit a change; for j = h b + a, q_j^2 = q_2j + 2 c q_(j + N/2) - c^2 q_0, which output 0 sees. *)

Section RaisedLast.

Variables (F : fieldType) (h b a : nat) (w c : F).
Let N := (h.+1.*2 * b)%N.
Hypothesis primitive : N.-primitive_root w.
Hypotheses (a_gt0 : (0 < a)%N) (a_lt : (a < b)%N) (c_nonzero : c != 0).

Definition above (k : nat) : nat := ((k %/ b).+1 * b)%N.
Definition last_raised : 'M[F]_N := \matrix_(l, k) ((w ^+ l) ^+ k + (k %% b == a)%N%:R * (c * (w ^+ l) ^+ above k)).

Let M := last_raised.
Let power := @power F N w.

Let b_gt0 : (0 < b)%N. Proof. exact: ltn_trans a_gt0 a_lt. Qed.
Let N_gt0 : (0 < N)%N. Proof. exact: prim_order_gt0 primitive. Qed.

Lemma last_other (k : 'I_N) : (k %% b != a)%N -> M *m delta_mx k 0 = power k.
Proof. by move=> /negbTE ne; rewrite -colE; apply/colP => l; rewrite !mxE ne mul0r addr0. Qed.

Lemma last_same (k : 'I_N) : (k %% b == a)%N -> M *m delta_mx k 0 = power k + c *: power (above k).
Proof. by move=> yes; rewrite -colE; apply/colP => l; rewrite !mxE yes mul1r. Qed.

Lemma last_unit : M \in unitmx.
Proof.
pose V : 'M[F]_N := vandermonde (fun i : 'I_N => w ^+ i).
pose E : 'M[F]_N := \matrix_(m, k) ((k %% b == a)%N && (m == above k %% N :> nat)%N)%:R.
have nilpotent : E *m E = 0.
  apply/matrixP => m k; rewrite !mxE big1 // => t _; rewrite !mxE.
  case: (boolP (t == above k %% N :> nat)%N) => [/eqP e|_]; last by rewrite andbF mulr0.
  have -> : (t %% b == a)%N = false.
    by rewrite e modn_dvdm ?dvdn_mull // /above modnMl eq_sym (gtn_eqF a_gt0).
  by rewrite mul0r.
have -> : M = V *m (1%:M + c *: E).
  rewrite mulmxDr mulmx1 -scalemxAr; apply/matrixP => l k.
  rewrite mxE [RHS]mxE [V l k]mxE [(c *: (V *m E)) l k]mxE; congr (_ + _).
  have in_N : (above k %% N < N)%N by rewrite ltn_mod.
  rewrite mxE (bigD1 (Ordinal in_N)) //= big1 ?addr0 => [|i ne]; last first.
    rewrite !mxE (_ : (i == above k %% N :> nat)%N = false) ?andbF ?mulr0 //; exact: negbTE.
  have /colP /(_ l) := power_mod primitive (above k); rewrite !mxE eqxx andbT => ->.
  by rewrite mulrCA [_%:R * _]mulrC.
rewrite unitmx_mul vandermonde_unit /=; last exact: powers_distinct primitive.
have /mulmx1_unit [] // : (1%:M + c *: E) *m (1%:M - c *: E) = 1%:M.
by rewrite mulmxDl mul1mx mulmxBr mulmx1 -scalemxAl -scalemxAr nilpotent !scaler0 subr0 subrK.
Qed.

Variables (i j twice half : 'I_N).
Hypotheses (i_is : i = 0%N :> nat) (j_is : j = (h * b + a)%N :> nat).
Hypotheses (twice_is : twice = (j + j)%N :> nat) (half_is : half = (j + h.+1 * b)%N :> nat).

Theorem last_raised_tensor : tensor M M M i j j = - c ^+ 2.
Proof.
have j_mod : (j %% b == a)%N by rewrite j_is modnMDl modn_small.
have half_mod : (half %% b == a)%N by rewrite half_is addnC modnMDl.
have zero_mod : (i %% b != a)%N by rewrite i_is mod0n neq_ltn a_gt0.
have twice_mod : (twice %% b != a)%N.
  rewrite twice_is -modnDm (eqP j_mod); apply/negP => /eqP same.
  have : (a + a == a + 0 %[mod b])%N by rewrite addn0 same modn_small.
  by rewrite eqn_modDl mod0n modn_small // (gtn_eqF a_gt0).
have above_j : above j = (h.+1 * b)%N by rewrite /above j_is divnMDl // divn_small // addn0.
have above_half : above half = N.
  rewrite /above half_is addnC divnMDl // j_is divnMDl // divn_small // addn0.
  by rewrite -addnS addnn.
have one l : (w ^+ l) ^+ N = 1 by rewrite -exprM mulnC exprM (prim_expr_order primitive) expr1n.
have whole : \col_l (M l j * M l j)
    = M *m (delta_mx twice 0 + (c *+ 2) *: delta_mx half 0 - (c ^+ 2) *: delta_mx i 0).
  rewrite mulmxBr mulmxDr -!scalemxAr (last_other twice_mod) (last_other zero_mod) (last_same half_mod) above_half.
  apply/colP => l; rewrite !mxE j_mod mul1r above_j i_is twice_is half_is expr0 one mulr1.
  set x := w ^+ l; set y := x ^+ (h.+1 * b).
  have yy : y * y = 1 by rewrite -exprD -mulnDl addnn one.
  by rewrite (exprD x j j) (exprD x j (h.+1 * b)) -/y mulr2n expr2 raised_square yy !mulr1.
rewrite tensorE whole mulKmx ?last_unit // !mxE !eqxx.
have apart (k : 'I_N) : (0 < k)%N -> (i == k) = false by move=> pos; apply/eqP => e; rewrite -e i_is in pos.
rewrite (apart twice) ?(apart half); first by rewrite mulr0 !add0r mulr1.
  by rewrite half_is addn_gt0 muln_gt0 b_gt0 orbT.
by rewrite twice_is addn_gt0 j_is addn_gt0 a_gt0 orbT.
Qed.

Corollary last_raised_leaks n : (j < n)%N -> ~ causal n M M M.
Proof.
have lt_ij : (i < j)%N by rewrite i_is j_is addn_gt0 a_gt0 orbT.
move=> lt_jn /causal_tensor /(_ i j j (ltn_trans lt_ij lt_jn) lt_jn lt_jn lt_ij); rewrite last_raised_tensor.
by move=> /eqP; rewrite oppr_eq0 expf_eq0 (negbTE c_nonzero) andbF.
Qed.

End RaisedLast.

(** The first of the last polynomials raised, l_0 = 1 + c Z^b: columns with last digit 0 are Y^k + c Y^(k+1), Y = Z^b. Then
    Y is a combination of them, and q_1 q_(b-1) = Y. *)

Section RaisedZero.

Variables (F : fieldType) (h b : nat) (w c : F).
Let B := h.+1.*2.
Let N := (B * b)%N.
Hypothesis primitive : N.-primitive_root w.
Hypotheses (b_gt1 : (1 < b)%N) (c_nonzero : c != 0).

Definition zero_raised : 'M[F]_N := \matrix_(l, k) ((w ^+ l) ^+ k + (k %% b == 0)%N%:R * (c * (w ^+ l) ^+ (k + b))).

Let M := zero_raised.
Let power := @power F N w.
Hypothesis basis : M \in unitmx.

Let b_gt0 : (0 < b)%N. Proof. exact: ltnW. Qed.
Let N_gt0 : (0 < N)%N. Proof. exact: prim_order_gt0 primitive. Qed.

Variables (zero one last : 'I_N).
Hypotheses (zero_is : zero = 0%N :> nat) (one_is : one = 1%N :> nat) (last_is : last = b.-1 :> nat).

(** Column k b, k from 1 to B, where N is 0 again. *)
Lemma place_lt k : (k * b %% N < N)%N. Proof. by rewrite ltn_mod. Qed.
Definition multiple (k : nat) : 'I_N := Ordinal (place_lt k).

Lemma multiple_column k : M *m delta_mx (multiple k) 0 = power (k * b) + c *: power (k.+1 * b).
Proof.
rewrite -colE; apply/colP => l; have at_root e : (w ^+ l) ^+ (e %% N) = (w ^+ l) ^+ e.
  by have /colP /(_ l) := power_mod primitive e; rewrite !mxE.
rewrite !mxE /= modn_dvdm ?dvdn_mull // modnMl eqxx mul1r at_root; congr (_ + c * _).
by rewrite -at_root modnDml at_root -mulSnr.
Qed.

(** (1 - c^B) Y, whose coordinate 0 is - c^(B-1). *)
Let combination : 'cV[F]_N := \sum_(k < B) (- c) ^+ k *: delta_mx (multiple k.+1) 0.

Lemma telescoped n : M *m (\sum_(k < n) (- c) ^+ k *: delta_mx (multiple k.+1) 0)
  = power b - (- c) ^+ n *: power (n.+1 * b).
Proof.
elim: n => [|n IH]; first by rewrite big_ord0 mulmx0 expr0 scale1r mul1n subrr.
rewrite big_ord_recr mulmxDr IH -scalemxAr multiple_column scalerDr addrA subrK; congr (_ + _).
by rewrite scalerA -[in RHS]scaleNr exprSr mulrN opprK.
Qed.

Lemma combination_power : M *m combination = (1 - c ^+ B) *: power b.
Proof.
have around : power (B.+1 * b) = power b.
  by rewrite /power -(power_mod primitive (B.+1 * b)) mulSn modnDr (power_mod primitive).
have even : (-1) ^+ B = 1 :> F by rewrite -signr_odd odd_double.
by rewrite telescoped around scalerBl scale1r exprNn even mul1r.
Qed.

Lemma combination_zero : combination zero 0 = - c ^+ B.-1.
Proof.
rewrite summxE (bigD1 ord_max) //= big1 ?addr0 => [|k ne].
  rewrite !mxE eqxx andbT (_ : (zero == _) = true) ?mulr1.
    by rewrite exprNn -signr_odd /= odd_double /= expr1 mulN1r.
  by rewrite -val_eqE /= zero_is modnn.
rewrite !mxE eqxx andbT (_ : (zero == _) = false) ?mulr0 // -val_eqE /= zero_is.
have lt : (k.+1 < B)%N by rewrite ltn_neqAle ltn_ord andbT; apply: contraNneq ne => e; apply/eqP/val_inj; rewrite /= -[k : nat]/(k.+1.-1) e.
by rewrite modn_small ?ltn_pmul2r // eq_sym muln_eq0 /= gtn_eqF.
Qed.

Lemma product_is : \col_l (M l last * M l one) = power b.
Proof.
have plain (k : 'I_N) l : (0 < k < b)%N -> M l k = (w ^+ l) ^+ k.
  by move=> /andP [pos lt]; rewrite mxE modn_small // (gtn_eqF pos) mul0r addr0.
apply/colP => l; rewrite mxE !plain ?one_is ?last_is //; last by rewrite ltn_predL b_gt0 andbT -ltnS prednK.
by rewrite [RHS]mxE -exprD addn1 prednK.
Qed.

Theorem zero_raised_tensor : (1 - c ^+ B) * tensor M M M zero one last = - c ^+ B.-1.
Proof.
rewrite tensorE product_is; have := congr1 (fun v => (invmx M *m v) zero 0) combination_power.
by rewrite mulKmx // combination_zero -scalemxAr mxE => ->.
Qed.

Corollary zero_raised_leaks n : (b <= n)%N -> ~ causal n M M M.
Proof.
move=> le /causal_tensor vanish; have n_gt0 : (0 < n)%N by apply: leq_trans le.
have : tensor M M M zero one last = 0.
  apply: vanish; rewrite ?zero_is ?one_is ?last_is //; first exact: leq_trans le.
  by rewrite prednK.
move=> none; have := zero_raised_tensor; rewrite none mulr0 => /esym/eqP.
by rewrite oppr_eq0 expf_eq0 (negbTE c_nonzero) andbF.
Qed.

End RaisedZero.

(** The exceptions: N = 2 B, B = 2 h + 1 odd, n = B, and the last polynomial for a = 1 is e Z + c Z^2. The polynomials of
    the other stages, multiplied, make r_j(Z^2), of whatever order. *)

Section Span.

Variables (F : fieldType) (N : nat).
Implicit Types (A : 'M[F]_N) (P : pred nat) (v : 'cV[F]_N).

(** Combinations of those columns of A whose number is in P. *)
Definition span A P v : Prop := exists2 c : 'cV_N, (forall i : 'I_N, ~~ P i -> c i 0 = 0) & v = A *m c.

Lemma span0 A P : span A P 0.
Proof. by exists 0; rewrite ?mulmx0 // => i _; rewrite mxE. Qed.

Lemma span_add A P v v' : span A P v -> span A P v' -> span A P (v + v').
Proof. by move=> [c out ->] [c' out' ->]; exists (c + c'); rewrite ?mulmxDr // => i no; rewrite mxE out // out' ?addr0. Qed.

Lemma span_scale A P a v : span A P v -> span A P (a *: v).
Proof. by move=> [c out ->]; exists (a *: c); rewrite ?scalemxAr // => i no; rewrite mxE out ?mulr0. Qed.

Lemma span_sum A P I (s : seq I) (Q : pred I) f :
  (forall i, Q i -> span A P (f i)) -> span A P (\sum_(i <- s | Q i) f i).
Proof. by move=> all; elim/big_ind: _ => [|v v'|//]; [exact: span0 | exact: span_add]. Qed.

Lemma span_column A P (i : 'I_N) : P i -> span A P (col i A).
Proof.
move=> yes; exists (delta_mx i 0); last by rewrite -colE.
by move=> k no; rewrite mxE; case: eqP => // e; rewrite e yes in no.
Qed.

Lemma span_mono A (P P' : pred nat) v : (forall i, P i -> P' i) -> span A P v -> span A P' v.
Proof. by move=> sub [c out ->]; exists c => // i no; apply: out; apply: contra no; apply: sub. Qed.

(** x_s, when a x_s + (combination of later ones) is there and the later ones are. *)
Lemma span_first A P v v' a : a != 0 -> span A P (a *: v + v') -> span A P v' -> span A P v.
Proof.
move=> nonzero whole rest; have -> : v = a^-1 *: (a *: v + v' + -1 *: v').
  by rewrite scaleN1r addrK scalerA mulVf // scale1r.
by apply: span_scale; apply: span_add => //; apply: span_scale.
Qed.

End Span.

Lemma half_below m n : (m./2 < n)%N = (m < n.*2)%N.
Proof. by rewrite !ltnNge geq_half_double. Qed.

Section Exceptions.

Variables (F : fieldType) (h : nat) (w a e c : F).
Let B := h.*2.+1.
Let N := B.*2.
Hypothesis primitive : N.-primitive_root w.
Hypotheses (a_nonzero : a != 0) (e_nonzero : e != 0).
Variable r : 'I_N -> {poly F}.
Hypothesis trails : forall (j : 'I_N) u, (u < j./2)%N -> (r j)`_u = 0.
Hypothesis leads : forall j : 'I_N, (r j)`_(j./2) != 0.
Hypothesis small : forall j, (size (r j) <= B)%N.
Hypothesis capped : forall j : 'I_N, (j < B)%N -> (size (r j) <= h.+1 - odd j)%N.

Definition exceptional : 'M[F]_N := \matrix_(l, j)
  ((if odd j then e * w ^+ l + c * (w ^+ l) ^+ 2 else a) * (r j).[(w ^+ l) ^+ 2]).

Let M := exceptional.
Let power := @power F N w.

(** What r_j(Z^2) is multiplied by, at Z^2u. *)
Definition piece (j u : nat) : 'cV[F]_N := if odd j then e *: power u.*2.+1 + c *: power u.*2.+2 else a *: power u.*2.

Lemma column_pieces (j : 'I_N) : col j M = \sum_(u < B) (r j)`_u *: piece j u.
Proof.
apply/colP => l; rewrite mxE mxE summxE (horner_coef_wide _ (small j)) mulr_sumr; apply: eq_bigr => u _.
rewrite [RHS]mxE mulrCA; congr (_ * _); rewrite /piece.
case: (odd j); rewrite !mxE; move: (w ^+ l) => x; rewrite -exprM mul2n // mulrDl -!mulrA.
by rewrite !exprS.
Qed.

Lemma first_piece (j : 'I_N) : j./2 < B -> col j M = (r j)`_(j./2) *: piece j j./2 + \sum_(u < B | (j./2 < u)%N) (r j)`_u *: piece j u.
Proof.
move=> lt; rewrite column_pieces (bigD1 (Ordinal lt)) //=; congr (_ + _); rewrite big_mkcond [RHS]big_mkcond /=.
apply: eq_bigr => u _; rewrite -val_eqE /=; have [less|less|same] //= := ltngtP u j./2.
by rewrite trails // scale0r.
Qed.

Let half_lt (j : 'I_N) : (j./2 < B)%N.
Proof. by rewrite half_below. Qed.

Let lt_N d : (d < B)%N -> (d < N)%N.
Proof. by move=> lt; apply: leq_trans lt _; rewrite /N -addnn leq_addr. Qed.

(** Columns below n stay below n. *)
Lemma capped_piece (P : pred nat) (A : 'M[F]_N) (j : 'I_N) u : (j < B)%N -> (j./2 < u)%N ->
  (forall d, (j < d)%N -> (d < B)%N -> span A P (power d)) -> span A P ((r j)`_u *: piece j u).
Proof.
move=> lt_j lt_u later; have [le|lt] := leqP (h.+1 - odd j) u.
  by rewrite nth_default ?scale0r; [exact: span0 | exact: leq_trans (capped lt_j) le].
have above : (j < u.*2)%N by rewrite -half_below.
apply: span_scale; rewrite /piece; move: lt; case: (odd j); last first.
  by rewrite subn0 ltnS => le_u; apply: span_scale; apply: later; rewrite // /B ltnS leq_double.
rewrite subn1 /= => less; have small_u : (u.*2.+2 < B)%N by rewrite /B ltnS -doubleS leq_double.
apply: span_add; apply: span_scale; apply: later => //; [exact: leqW | exact: ltnW | exact: leqW (leqW above)].
Qed.

Lemma low_powers d : (d < B)%N -> span M (fun i => d <= i)%N (power d).
Proof.
move=> lt_d; have [k le_k] : exists k, (B - d <= k)%N by exists (B - d)%N.
elim: k d lt_d le_k => [|k IH] d lt_d; first by rewrite leqn0 subn_eq0 leqNgt lt_d.
move=> le_k; pose j : 'I_N := Ordinal (lt_N lt_d).
have later d' : (j < d')%N -> (d' < B)%N -> span M (fun i => d <= i)%N (power d').
  move=> lt lt'; apply: (span_mono (P := fun i => d' <= i)%N) => [i|]; first exact: leq_trans (ltnW lt).
  by apply: IH => //; rewrite -ltnS; apply: leq_trans le_k; apply: ltn_sub2l.
have whole : span M (fun i => d <= i)%N (col j M) by apply: span_column => /=.
rewrite (first_piece (half_lt j)) in whole.
have rest : span M (fun i => d <= i)%N (\sum_(u < B | (j./2 < u)%N) (r j)`_u *: piece j u).
  by apply: span_sum => u lt_u; apply: capped_piece.
have first := span_first (leads j) whole rest; move: first; rewrite /piece /=.
have := odd_double_half d; case: (odd d) => /= eq; last first.
  by rewrite add0n in eq; rewrite eq => first; apply: (span_first a_nonzero (v' := 0)); rewrite ?addr0 //; exact: span0.
rewrite add1n in eq; rewrite eq => first; apply: (span_first e_nonzero first); apply: span_scale.
have [lt|ge] := ltnP d.+1 B; first by apply: later.
have : (d.+1 == B)%N by rewrite eqn_leq lt_d.
by move=> /eqP [same]; have := congr1 odd eq; rewrite /= odd_double same odd_double.
Qed.

(** From n to 2 n - 2 the powers are combinations of columns from n on, the even ones first. *)
Let later_columns (i : nat) : bool := (B <= i)%N.

Lemma even_powers s : (h < s)%N -> (s < B)%N -> span M later_columns (power s.*2).
Proof.
move=> gt_s lt_s; have [k le_k] : exists k, (B - s <= k)%N by exists (B - s)%N.
elim: k s gt_s lt_s le_k => [|k IH] s gt_s lt_s; first by rewrite leqn0 subn_eq0 leqNgt lt_s.
move=> le_k; have in_N : (s.*2 < N)%N by rewrite /N ltn_double.
pose j : 'I_N := Ordinal in_N.
have whole : span M later_columns (col j M) by apply: span_column; rewrite /later_columns /= /B ltn_double.
rewrite (first_piece (half_lt j)) in whole.
have rest : span M later_columns (\sum_(u < B | (j./2 < u)%N) (r j)`_u *: piece j u).
  apply: span_sum => u; rewrite /= doubleK => lt_u; rewrite /piece /= odd_double.
  apply: span_scale; apply: span_scale; apply: IH => //; first exact: ltn_trans lt_u.
  by rewrite -ltnS; apply: leq_trans le_k; apply: ltn_sub2l.
have := span_first (leads j) whole rest; rewrite /piece /= odd_double doubleK => first.
by apply: (span_first a_nonzero (v' := 0)); rewrite ?addr0 //; exact: span0.
Qed.

(** e Z^(2s+1) + c Z^(2s+2). *)
Lemma odd_pieces s : (h <= s)%N -> (s < B)%N -> span M later_columns (e *: power s.*2.+1 + c *: power s.*2.+2).
Proof.
move=> ge_s lt_s; have [k le_k] : exists k, (B - s <= k)%N by exists (B - s)%N.
elim: k s ge_s lt_s le_k => [|k IH] s ge_s lt_s; first by rewrite leqn0 subn_eq0 leqNgt lt_s.
move=> le_k; have in_N : (s.*2.+1 < N)%N by rewrite /N ltn_Sdouble.
pose j : 'I_N := Ordinal in_N.
have half : j./2 = s by rewrite /= uphalf_double.
have is_odd : odd j by rewrite /= odd_double.
have whole : span M later_columns (col j M) by apply: span_column; rewrite /later_columns /= /B ltnS leq_double.
rewrite (first_piece (half_lt j)) in whole.
have rest : span M later_columns (\sum_(u < B | (j./2 < u)%N) (r j)`_u *: piece j u).
  apply: span_sum => u; rewrite half => lt_u; rewrite /piece is_odd.
  apply: span_scale; apply: IH => //; first exact: ltnW (leq_ltn_trans ge_s lt_u).
  by rewrite -ltnS; apply: leq_trans le_k; apply: ltn_sub2l.
by have := span_first (leads j) whole rest; rewrite /piece is_odd half.
Qed.

Lemma high_powers d : (B <= d)%N -> (d <= h.*2.*2)%N -> span M later_columns (power d).
Proof.
move=> ge_d le_d; have eq := odd_double_half d; move: eq ge_d le_d.
move: d./2 => s <-; case: (odd d); rewrite ?add1n ?add0n /B; last first.
  rewrite ltn_double leq_double => gt le; exact: even_powers.
rewrite ltnS leq_double ltn_double => ge lt; have later := even_powers (leq_ltn_trans ge (ltnSn s)) _.
apply: (span_first e_nonzero (odd_pieces ge (ltnW lt))); apply: span_scale.
by rewrite -doubleS; apply: later.
Qed.

(** So all powers are combinations of columns, and M is invertible: the last power is w^(-l), next to w^(N l) = 1. *)
Lemma all_powers d : (d < N)%N -> span M predT (power d).
Proof.
move=> lt_d; have [lt|ge] := ltnP d B; first exact: span_mono (low_powers lt).
have [le|gt] := leqP d h.*2.*2; first exact: span_mono (high_powers ge le).
have -> : d = h.*2.*2.+1.
  by apply/eqP; rewrite eqn_leq gt andbT -ltnS -!doubleS.
have lt_top : (h.*2 < B)%N by [].
apply: (span_first e_nonzero (span_mono _ (odd_pieces _ lt_top))) => //; first by rewrite -addnn leq_addr.
apply: span_scale; have -> : power h.*2.*2.+2 = power 0.
  by rewrite /power -(power_mod primitive h.*2.*2.+2) -[h.*2.*2.+2]/N modnn.
exact: span_mono (low_powers (ltn0Sn _)).
Qed.

Lemma exceptional_unit : M \in unitmx.
Proof.
have [X eX] : exists X : 'M_N, vandermonde (fun i : 'I_N => w ^+ i) = M *m X.
  have [X eX] := fin_all_exists (fun d : 'I_N => let: ex_intro2 x _ e := all_powers (ltn_ord d) in ex_intro _ x e).
  exists (\matrix_(i, d) X d i 0); apply/matrixP => i d; rewrite [LHS]mxE.
  have /colP /(_ i) := eX d; rewrite [LHS]mxE => ->; rewrite [LHS]mxE [RHS]mxE.
  by apply: eq_bigr => k _; congr (_ * _); rewrite [RHS]mxE.
have : vandermonde (fun i : 'I_N => w ^+ i) \in unitmx by apply: vandermonde_unit; apply: powers_distinct primitive.
by rewrite eX unitmx_mul => /andP [].
Qed.

(** A column j < n is a combination of Z^j ... Z^(n-1). *)
Let V : 'M[F]_N := vandermonde (fun i : 'I_N => w ^+ i).

Lemma column_low (j : 'I_N) : (j < B)%N -> span V (fun d => j <= d < B)%N (col j M).
Proof.
move=> lt_j; have step d : (j <= d)%N -> (d < B)%N -> span V (fun d => j <= d < B)%N (power d).
  move=> le lt; have -> : power d = col (Ordinal (lt_N lt)) V by apply/colP => l; rewrite !mxE.
  by apply: span_column => /=; rewrite le.
have eq := odd_double_half j.
rewrite (first_piece (half_lt j)); apply: span_add; last first.
  by apply: span_sum => u lt_u; apply: capped_piece => // d /ltnW; apply: step.
apply: span_scale; rewrite /piece; move: eq; case: ifP => is_odd; rewrite ?add0n ?add1n => eq; last first.
  by apply: span_scale; apply: step; rewrite eq.
have [lt|ge] := ltnP j.+1 B; last first.
  have : (j.+1 == B)%N by rewrite eqn_leq lt_j.
  by move=> /eqP [same]; have := congr1 odd eq; rewrite /= odd_double same odd_double.
by apply: span_add; apply: span_scale; apply: step; rewrite eq.
Qed.

(** Main theorem on the exceptions. *)
Theorem exceptional_causal : M \in unitmx /\ causal B M M M.
Proof.
split; first exact: exceptional_unit.
apply/causal_tensor => i j j' lt_i lt_j lt_j' lt_ij; rewrite tensorE.
have [x out ex] := column_low lt_j; have [x' out' ex'] := column_low lt_j'.
have product : span M (fun i => j <= i)%N (\col_l (M l j' * M l j)).
  have -> : \col_l (M l j' * M l j) = \sum_d \sum_d' (x d 0 * x' d' 0) *: power (d + d').
    apply/colP => l; rewrite mxE summxE; have /colP /(_ l) := ex; have /colP /(_ l) := ex'; rewrite !mxE => -> ->.
    rewrite mulrC mulr_suml; apply: eq_bigr => d _; rewrite mulr_sumr summxE; apply: eq_bigr => d' _.
    by rewrite !mxE exprD mulrACA mulrC.
  apply: span_sum => d _; apply: span_sum => d' _.
  have [/andP [le_d lt_d]|no] := boolP (j <= d < B)%N; last by rewrite out // mul0r scale0r; exact: span0.
  have [/andP [le_d' lt_d']|no] := boolP (j' <= d' < B)%N; last by rewrite out' // mulr0 scale0r; exact: span0.
  apply: span_scale; have le_j : (j <= d + d')%N by apply: leq_trans le_d (leq_addr _ _).
  have [lt|ge] := ltnP (d + d') B.
    by apply: span_mono (low_powers lt) => k; apply: leq_trans.
  apply: span_mono (high_powers ge _) => [k|]; first by apply: leq_trans (ltnW lt_j).
  by rewrite -(addnn h.*2); apply: leq_add; rewrite -ltnS.
have [y zero ->] := product; rewrite mulKmx ?exceptional_unit // zero // -ltnNge.
exact: lt_ij.
Qed.

End Exceptions.

Print Assumptions raised_tensor.
Print Assumptions raised_leaks.
Print Assumptions last_raised_tensor.
Print Assumptions last_raised_leaks.
Print Assumptions zero_raised_tensor.
Print Assumptions zero_raised_leaks.
Print Assumptions exceptional_causal.
