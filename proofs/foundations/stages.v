(** The entry formula without recursion: A[i, j] = prod_k g_k(i mod M_{k+1}, j mod N_k), M_{k+1} = m_0 ... m_k and
    N_k = n_k ... n_{p-1}. Stage k reads the output digits i_0 ... i_k and the input digits a_k ... a_{p-1}. *)
From mathcomp Require Import all_ssreflect ssralg matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** Products of radices. *)

Lemma outputs_cat rs rs' : outputs (rs ++ rs') = (outputs rs' * outputs rs)%N.
Proof. by elim: rs => [|[m n] rest IH] /=; rewrite ?muln1 // IH mulnA. Qed.

Lemma inputs_cat rs rs' : inputs (rs ++ rs') = (inputs rs * inputs rs')%N.
Proof. by elim: rs => [|[m n] rest IH] /=; rewrite ?mul1n // IH mulnA. Qed.

Lemma outputs_take k l rs : (k <= l)%N -> (outputs (take k rs) %| outputs (take l rs))%N.
Proof. by move=> le; rewrite -(cat_take_drop k (take l rs)) take_take // outputs_cat dvdn_mull. Qed.

Lemma outputs_take_all k rs : (outputs (take k rs) %| outputs rs)%N.
Proof. by rewrite -[in X in (_ %| X)%N](cat_take_drop k rs) outputs_cat dvdn_mull. Qed.

Lemma inputs_drop k l rs : (k <= l)%N -> (inputs (drop l rs) %| inputs (drop k rs))%N.
Proof.
move=> le; rewrite -(subnK le) -drop_drop -[in X in (_ %| X)%N](cat_take_drop (l - k) (drop k rs)).
by rewrite inputs_cat dvdn_mull.
Qed.

Lemma inputs_drop_all k rs : (inputs (drop k rs) %| inputs rs)%N.
Proof. by have := @inputs_drop 0 k rs (leq0n k); rewrite drop0. Qed.

(** The same radices read by the transpose and by the inverse: stages in reverse order, outputs for inputs. *)
Definition reversed (rs : radices) : radices := rev [seq (r.2, r.1) | r <- rs].

Lemma size_reversed rs : size (reversed rs) = size rs.
Proof. by rewrite size_rev size_map. Qed.

Lemma reversed_cons m n rest : reversed ((m, n) :: rest) = reversed rest ++ [:: (n, m)].
Proof. by rewrite /reversed /= rev_cons cats1. Qed.

Lemma outputs_reversed rs : outputs (reversed rs) = inputs rs.
Proof. by elim: rs => [|[m n] rest IH] //=; rewrite reversed_cons outputs_cat IH /= mul1n. Qed.

Lemma inputs_reversed rs : inputs (reversed rs) = outputs rs.
Proof. by elim: rs => [|[m n] rest IH] //=; rewrite reversed_cons inputs_cat IH /= muln1. Qed.

Lemma take_reversed k rs : (k <= size rs)%N -> take k (reversed rs) = reversed (drop (size rs - k) rs).
Proof. by move=> le; rewrite /reversed take_rev size_map map_drop. Qed.

Lemma drop_reversed k rs : (k <= size rs)%N -> drop k (reversed rs) = reversed (take (size rs - k) rs).
Proof. by move=> le; rewrite /reversed drop_rev size_map map_take. Qed.

(** A digit of an index does not see the more significant ones. *)
Lemma modn_join m n (t : 'I_m) (s : 'I_n) d : (d %| n)%N -> (join t s %% d = s %% d)%N.
Proof. by move=> /dvdnP [e e_n]; rewrite /= {1}e_n mulnA modnMDl. Qed.

Lemma divn_join m n (t : 'I_m) (s : 'I_n) : ((t * n + s) %/ n = t)%N.
Proof. by rewrite -[LHS]/(val (high (join t s))) high_join. Qed.

Section Staged.

Variable R : comRingType.

(** g k x y, a factor for each stage. *)
Definition staged (rs : radices) a b (A : 'M[R]_(a, b)) : Prop :=
  exists g : nat -> nat -> nat -> R, forall i j,
    A i j = \prod_(k < size rs) g k (i %% outputs (take k.+1 rs))%N (j %% inputs (drop k rs))%N.

(** A function of an index below n, read at a number. *)
Definition at_number n (f : 'I_n -> R) (x : nat) : R := if insub x is Some s then f s else 0.

Lemma at_numberE n (f : 'I_n -> R) (s : 'I_n) : at_number f s = f s.
Proof. by rewrite /at_number valK. Qed.

Lemma monarch_staged rs (F : factors R rs) : staged rs (monarch F).
Proof.
elim: rs F => [|[m n] rest IH] F; first by exists (fun _ _ _ => 1) => i j; rewrite big_ord0 mxE !ord1.
have [G valG] := fin_all_exists (fun s : 'I_m => IH (F.2 s)).
exists (fun k x y => if k is l.+1 then at_number (fun s => G s l (x %/ m)%N y) (x %% m)%N else
  at_number (fun s => at_number (fun l => at_number (fun a => F.1 l s a) (y %/ inputs rest)%N) (y %% inputs rest)%N) x).
move=> i j; case: (join_split i) => t [s ->]; case: (join_split j) => a [l ->].
rewrite /= entry_order2 big_ord_recl /= mulrC valG; congr (_ * _).
  rewrite take0 /= mul1n (modn_join _ _ (dvdnn m)) (modn_small (ltn_ord s)) at_numberE.
  have -> : ((a * inputs rest + l) %% (n * inputs rest) = join a l)%N by rewrite modn_small // (ltn_ord (join a l)).
  by rewrite -[(join a l %% _)%N]/(val (low (join a l))) -[(join a l %/ _)%N]/(val (high (join a l))) high_join low_join
    !at_numberE.
apply: eq_bigr => k _; rewrite /bump /= add1n (modn_join a l (inputs_drop_all k rest)).
set O := outputs (take k.+1 rest).
have -> : ((t * m + s) %% (O * m) %% m = s)%N by rewrite modn_dvdm ?dvdn_mull // (modn_join _ _ (dvdnn m)) modn_small.
by rewrite at_numberE -modn_divl divn_join.
Qed.

(** The blocks behind the factors. *)
Fixpoint blocks (rs : radices) (g : nat -> nat -> nat -> R) : factors R rs :=
  match rs return factors R rs with
  | (m, n) :: rest =>
      (fun l : 'I_(inputs rest) => \matrix_(s, a) g 0%N s (a * inputs rest + l)%N,
       fun s : 'I_m => blocks rest (fun k x y => g k.+1 (x * m + s)%N y))
  | [::] => tt
  end.

Lemma blocksE rs g (i : 'I_(outputs rs)) (j : 'I_(inputs rs)) :
  monarch (blocks rs g) i j = \prod_(k < size rs) g k (i %% outputs (take k.+1 rs))%N (j %% inputs (drop k rs))%N.
Proof.
elim: rs g i j => [|[m n] rest IH] g i j; first by rewrite big_ord0 mxE !ord1.
case: (join_split i) => t [s ->]; case: (join_split j) => a [l ->].
rewrite /= entry_order2 big_ord_recl /= mulrC IH mxE; congr (_ * _).
  rewrite take0 /= mul1n (modn_join _ _ (dvdnn m)) (modn_small (ltn_ord s)).
  by rewrite (_ : (_ %% (n * _))%N = join a l) // modn_small // (ltn_ord (join a l)).
apply: eq_bigr => k _; rewrite /bump /= add1n (modn_join a l (inputs_drop_all k rest)).
congr (g _ _ _); set O := outputs (take k.+1 rest).
have split x : (x %% (O * m) = x %/ m %% O * m + x %% m)%N.
  by rewrite {1}(divn_eq (x %% (O * m)) m) -modn_divl modn_dvdm ?dvdn_mull.
by rewrite split divn_join (modn_join _ _ (dvdnn m)) (modn_small (ltn_ord s)).
Qed.

Lemma staged_monarch rs (A : 'M[R]_(outputs rs, inputs rs)) : staged rs A <-> exists F : factors R rs, A = monarch F.
Proof.
split=> [[g e]|[F ->]]; last exact: monarch_staged.
by exists (blocks rs g); apply/matrixP => i j; rewrite blocksE e.
Qed.

End Staged.
