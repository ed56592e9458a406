(** Inverse = interpolation: M^-1 v are the coordinates of the one combination of the q_j with values v; and the inverse
    of a Monarch matrix is Monarch, block by block. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix poly mxalgebra.
From MonarchProofs Require Import foundations.digits foundations.monarch foundations.points foundations.polynomials.
From MonarchProofs Require Import foundations.stages entry_formula.theorem univariate_view.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Section Interpolation.

Variables (F : fieldType) (N : nat) (M : 'M[F]_N) (w : F) (q : 'I_N -> {poly F}).
Hypothesis columns : forall i j, M i j = (q j).[w ^+ i].

(** M u evaluates u(Z) = sum u_j q_j(Z). *)
Theorem evaluation (u : 'cV[F]_N) (i : 'I_N) : (M *m u) i 0 = (\sum_j u j 0 *: q j).[w ^+ i].
Proof.
by rewrite mxE horner_sum; apply: eq_bigr => j _; rewrite hornerZ columns mulrC.
Qed.

(** M^-1 v interpolates: it is the only u whose polynomial takes the values v. *)
Theorem interpolation (u v : 'cV[F]_N) :
  M \in unitmx -> (forall i : 'I_N, (\sum_j u j 0 *: q j).[w ^+ i] = v i 0) <-> u = invmx M *m v.
Proof.
move=> unit; split=> [values|-> i]; last by rewrite -evaluation mulKVmx.
have -> : v = M *m u by apply/colP => i; rewrite evaluation values.
by rewrite mulKmx.
Qed.

End Interpolation.

Section Inverse.

Variables (F : fieldType) (b0 b1 : nat) (L : 'I_b0 -> 'M[F]_b1) (B : 'I_b1 -> 'M[F]_b0).
Hypothesis L_unit : forall s, L s \in unitmx.
Hypothesis B_unit : forall a1, B a1 \in unitmx.

(** (P L P R P)^-1 = P R^-1 P L^-1 P: Monarch again, stages in reverse order. *)
Theorem inverse_is_monarch :
  monarch2 L B *m monarch2 (fun a1 => invmx (B a1)) (fun s => invmx (L s)) = 1%:M.
Proof.
apply/matrixP => i j; case: (join_split i) => t [s ->]; case: (join_split j) => t' [s' ->].
rewrite mxE big_join exchange_big /= [RHS]mxE eq_join.
transitivity (\sum_a1 L s t a1 * (s == s')%:R * invmx (L s') a1 t').
  apply: eq_bigr => a1 _.
  have /matrixP /(_ s s') := mulmxV (B_unit a1); rewrite mxE [RHS]mxE => <-.
  rewrite mulr_sumr mulr_suml; apply: eq_bigr => a0 _.
  by rewrite !entry_order2 !mulrA.
case: (eqVneq s s') => [<-|_]; last by rewrite andbF big1 // => a1 _; rewrite mulr0 mul0r.
have /matrixP /(_ t t') := mulmxV (L_unit s); rewrite mxE [RHS]mxE andbT => <-.
by apply: eq_bigr => a1 _; rewrite mulr1.
Qed.

End Inverse.

Section InverseOrderP.

Variable F : fieldType.

Definition inverses m n (A : 'M[F]_(m, n)) (B : 'M[F]_(n, m)) : Prop := A *m B = 1%:M /\ B *m A = 1%:M.

(** Every block has an inverse. *)
Fixpoint blocks_invertible (rs : radices) : factors F rs -> Prop :=
  match rs return factors F rs -> Prop with
  | (m, n) :: rest => fun G =>
      (forall l, exists B, inverses (G.1 l) B) /\ (forall s : 'I_m, blocks_invertible (G.2 s))
  | [::] => fun _ => True
  end.

(** Order p: inverse blocks, stages in reverse order. *)
Theorem inverse_order_p rs (G : factors F rs) :
  blocks_invertible G -> exists A, inverses (monarch G) A /\ staged (reversed rs) A.
Proof.
elim: rs G => [|[m n] rest IH] G.
  move=> _; exists 1%:M; split; first by split; rewrite /= mulmx1.
  by exists (fun _ _ _ => 1) => i j; rewrite big_ord0 mxE !ord1.
move=> [first later].
have [B invB] := fin_all_exists first.
have [A invA] := fin_all_exists (fun s => IH (G.2 s) (later s)).
have [g eg] := fin_all_exists (fun s => proj2 (invA s)).
pose inverse : 'M[F]_(n * inputs rest, outputs rest * m) :=
  \matrix_(j, i) (B (low j) (high j) (low i) * A (low i) (low j) (high i)).
have inverseE a l t s : inverse (join a l) (join t s) = B l a s * A s l t.
  by rewrite mxE !high_join !low_join.
exists inverse; split.
  split; apply/matrixP => i j.
    case: (join_split i) => t [s ->]; case: (join_split j) => t' [s' ->].
    rewrite [in LHS]/monarch -/monarch mxE big_join exchange_big [RHS]mxE eq_join.
    transitivity (\sum_l monarch (G.2 s) t l * (s == s')%:R * A s' l t').
      apply: eq_bigr => l _; have /matrixP /(_ s s') := proj1 (invB l); rewrite mxE [RHS]mxE => <-.
      by rewrite mulr_sumr mulr_suml; apply: eq_bigr => a _; rewrite entry_order2 inverseE !mulrA.
    case: (eqVneq s s') => [<-|_]; last by rewrite andbF big1 // => l _; rewrite mulr0 mul0r.
    have /matrixP /(_ t t') := proj1 (proj1 (invA s)); rewrite mxE [RHS]mxE andbT => <-.
    by apply: eq_bigr => l _; rewrite mulr1.
  case: (join_split i) => a [l ->]; case: (join_split j) => a' [l' ->].
  rewrite [in LHS]/monarch -/monarch mxE big_join exchange_big [RHS]mxE eq_join.
  transitivity (\sum_s B l a s * (l == l')%:R * G.1 l' s a').
    apply: eq_bigr => s _; have /matrixP /(_ l l') := proj2 (proj1 (invA s)); rewrite mxE [RHS]mxE => <-.
    by rewrite mulr_sumr mulr_suml; apply: eq_bigr => t _; rewrite entry_order2 inverseE !mulrA.
  case: (eqVneq l l') => [<-|_]; last by rewrite andbF big1 // => s _; rewrite mulr0 mul0r.
  have /matrixP /(_ a a') := proj2 (invB l); rewrite mxE [RHS]mxE andbT => <-.
  by apply: eq_bigr => s _; rewrite mulr1.
exists (fun k x y => if k == size rest
  then at_number (fun l => at_number (fun a => at_number (fun s => B l a s) y) (x %/ inputs rest)%N) (x %% inputs rest)%N
  else at_number (fun s => g s k x (y %/ m)%N) (y %% m)%N) => i j.
case: (join_split i) => a [l ->]; case: (join_split j) => t [s ->].
rewrite inverseE eg reversed_cons size_cat addn1 big_ord_recr /= [LHS]mulrC size_reversed; congr (_ * _).
  apply: eq_bigr => k _; rewrite ltn_eqF //.
  have lt : (k < size (reversed rest))%N by rewrite size_reversed.
  rewrite takel_cat // drop_cat lt inputs_cat /= muln1.
  have d : (outputs (take k.+1 (reversed rest)) %| inputs rest)%N by rewrite -outputs_reversed outputs_take_all.
  rewrite (modn_join a l d); set I := inputs (drop k _).
  have -> : ((t * m + s) %% (I * m) %% m = s)%N by rewrite modn_dvdm ?dvdn_mull // (modn_join _ _ (dvdnn m)) modn_small.
  by rewrite at_numberE -modn_divl divn_join.
rewrite eqxx drop_cat size_reversed ltnn subnn /= muln1 take_oversize; last by rewrite size_cat addn1 size_reversed.
rewrite outputs_cat /= mul1n outputs_reversed (modn_join _ _ (dvdnn m)) (modn_small (ltn_ord s)).
rewrite (modn_small (ltn_ord (join a l))) divn_join (modn_join _ _ (dvdnn (inputs rest))) (modn_small (ltn_ord l)).
by rewrite !at_numberE.
Qed.

Lemma one_side m n (A : 'M[F]_(m, n)) B : m = n -> A *m B = 1%:M -> inverses A B.
Proof. by move=> sizes; case: _ / sizes A B => A B e; split=> //; apply: mulmx1C. Qed.

(** Square blocks: if M has an inverse, so has every block. *)
Theorem invertible_blocks rs (G : factors F rs) A :
  all (fun r => r.1 == r.2) rs -> inverses (monarch G) A -> blocks_invertible G.
Proof.
elim: rs G A => //= -[m n] rest IH G A /andP [/eqP /= square squares] [right left].
have sizes : outputs rest = inputs rest.
  by elim: (rest) squares => //= -[m' n'] r IHr /andP [/eqP /= -> /IHr ->]; rewrite mulnC.
split=> [l|s].
  suff : row_free (G.1 l)^T.
    case/row_freeP => B e; exists B^T; apply: one_side => //.
    apply: (can_inj (@trmxK _ _ _)); rewrite trmx_mul trmxK trmx1.
    by have [_ ->] := one_side (esym square) e.
  apply: inj_row_free => v vanish.
  pose u : 'cV[F]_(n * inputs rest) := \col_j ((low j == l)%:R * v 0 (high j)).
  have zero : monarch2 (fun s => monarch (G.2 s)) G.1 *m u = 0.
    apply/colP => i; case: (join_split i) => t [s ->]; rewrite mxE big_join exchange_big /= (bigD1 l) //=.
    rewrite [X in _ + X]big1 ?addr0 => [|l' /negbTE ne]; last first.
      by rewrite big1 // => a _; rewrite [u _ _]mxE low_join ne mul0r mulr0.
    transitivity (monarch (G.2 s) t l * (v *m (G.1 l)^T) 0 s); last by rewrite vanish !mxE mulr0.
    rewrite mxE mulr_sumr; apply: eq_bigr => a _.
    by rewrite entry_order2 !mxE low_join high_join eqxx mul1r -mulrA (mulrC (v _ _)).
  have {}zero : u = 0 by rewrite -[u]mul1mx -left -mulmxA zero mulmx0.
  apply/rowP => a; have /colP /(_ (join a l)) := zero.
  by rewrite !mxE low_join high_join eqxx mul1r.
suff : row_free (monarch (G.2 s)).
  by case/row_freeP => B e; apply: (IH _ B) => //; apply: one_side.
apply: inj_row_free => v vanish.
pose u : 'rV[F]_(outputs rest * m) := \row_i ((low i == s)%:R * v 0 (high i)).
have zero : u *m monarch2 (fun s => monarch (G.2 s)) G.1 = 0.
  apply/rowP => j; case: (join_split j) => a [l ->]; rewrite mxE big_join exchange_big /= (bigD1 s) //=.
  rewrite [X in _ + X]big1 ?addr0 => [|s' /negbTE ne]; last first.
    by rewrite big1 // => t _; rewrite [u _ _]mxE low_join ne !mul0r.
  transitivity ((v *m monarch (G.2 s)) 0 l * G.1 l s a); last by rewrite vanish !mxE mul0r.
  rewrite mxE mulr_suml; apply: eq_bigr => t _.
  by rewrite entry_order2 !mxE low_join high_join eqxx mul1r mulrA.
have {}zero : u = 0 by rewrite -[u]mulmx1 -right mulmxA zero mul0mx.
apply/rowP => t; have /rowP /(_ (join t s)) := zero.
by rewrite !mxE low_join high_join eqxx mul1r.
Qed.

(** The inverse of a Monarch matrix with square blocks is one, of every order. *)
Corollary inverse_staged rs (G : factors F rs) A :
  all (fun r => r.1 == r.2) rs -> inverses (monarch G) A -> staged (reversed rs) A.
Proof.
move=> square inv; have [A' [[right left] g]] := inverse_order_p (invertible_blocks square inv).
by rewrite (_ : A = A') // -[A]mul1mx -left -mulmxA (proj1 inv) mulmx1.
Qed.

End InverseOrderP.

Print Assumptions evaluation.
Print Assumptions interpolation.
Print Assumptions inverse_is_monarch.
Print Assumptions inverse_order_p.
Print Assumptions invertible_blocks.
Print Assumptions inverse_staged.
