(** Random filters. An operator that is not causal shows it under all but a share 1/|S| of the filters with entries in S,
    whatever the field; and over a finite field of q elements exactly q^(n - r) filters miss it, r the rank of T. *)
From mathcomp Require Import all_ssreflect ssralg finalg zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.operator.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** A linear form that is not zero vanishes on at most |S|^(n - 1) points of S^n. *)
Theorem roots_of_form (K : fieldType) (S : finType) (value : S -> K) n (v : 'I_n -> K) (j : 'I_n) :
  injective value -> v j != 0 ->
  (#|[pred k : {ffun 'I_n -> S} | (\sum_l value (k l) * v l == 0)%R]| * #|S| <= #|S| ^ n)%N.
Proof.
move=> distinct nonzero.
pose change (p : {ffun 'I_n -> S} * S) := [ffun l => if l == j then p.2 else p.1 l].
have -> : (#|S| ^ n = #|{: {ffun 'I_n -> S}}|)%N by rewrite card_ffun card_ord.
set roots := [pred k | _]; rewrite -(_ : #|[predX roots & S]| = #|roots| * #|S|)%N; last by rewrite cardX.
rewrite -(card_in_imset (f := change)) => [|[k c] [k' c']]; first exact: max_card.
rewrite !inE /= !andbT => /eqP zero /eqP zero' /ffunP same.
have same_c : c = c' by have := same j; rewrite !ffunE eqxx.
have others l : l != j -> k l = k' l by move=> /negbTE differ; have := same l; rewrite !ffunE differ.
rewrite same_c; congr (_, _); apply/ffunP => l; have [->|] := eqVneq l j; last exact: others.
apply: distinct; apply: (mulIf nonzero); move: zero zero'; rewrite (bigD1 j) //= [in X in _ -> X](bigD1 j) //=.
rewrite (eq_bigr (fun l => value (k' l) * v l)) => [|l' differ]; last by rewrite others.
by move=> /eqP; rewrite addr_eq0 => /eqP -> /eqP; rewrite addr_eq0 => /eqP ->.
Qed.

Section Filters.

Variables (F : fieldType) (N n : nat) (M0 M1 M2 : 'M[F]_N).
Variables (S : finType) (value : S -> F).
Hypothesis le_n : (n <= N)%N.
Hypothesis distinct : injective value.

(** The filter with entries in S, zero from index n on. *)
Definition filter (k : {ffun 'I_n -> S}) : 'cV[F]_N :=
  \sum_(l < n) value (k l) *: delta_mx (widen_ord le_n l) 0.

(** Under this filter no output is seen to depend on a later input. *)
Definition unseen (k : {ffun 'I_n -> S}) : bool :=
  [forall i : 'I_N, forall j : 'I_N, (i < j)%N && (j < n)%N ==> (operator M0 M1 M2 (filter k) (delta_mx j 0) i 0 == 0)].

Lemma operator_filter k i j :
  operator M0 M1 M2 (filter k) (delta_mx j 0) i 0 = \sum_l value (k l) * tensor M0 M1 M2 i j (widen_ord le_n l).
Proof.
rewrite operatorE (bigD1 j) //= [X in _ + X]big1 ?addr0 => [|l /negbTE differ]; last first.
  by rewrite big1 // => l' _; rewrite mxE differ !mul0r.
under eq_bigr => l _ do rewrite mxE !eqxx mul1r /filter summxE mulr_suml.
rewrite exchange_big; apply: eq_bigr => l _; rewrite (bigD1 (widen_ord le_n l)) //= !mxE !eqxx mulr1.
by rewrite big1 ?addr0 // => l' /negbTE differ; rewrite !mxE differ mulr0 mul0r.
Qed.

(** A causal operator is never accused. *)
Theorem causal_unseen k : causal n M0 M1 M2 -> unseen k.
Proof.
move=> /causal_tensor vanish; apply/forallP => i; apply/forallP => j; apply/implyP => /andP [lt_ij lt_j].
rewrite operator_filter big1 // => l _; rewrite vanish ?mulr0 //; [exact: ltn_trans lt_ij lt_j | exact: (ltn_ord l)].
Qed.

(** One that is not causal goes unseen under at most |S|^(n - 1) of the |S|^n filters. *)
Theorem few_unseen : ~ causal n M0 M1 M2 -> (#|[pred k | unseen k]| * #|S| <= #|S| ^ n)%N.
Proof.
move=> leaks.
have /existsP [i /existsP [j /existsP [l /and3P [lt_ij lt_j nonzero]]]] :
    [exists i : 'I_N, exists j : 'I_N, exists l : 'I_n,
      [&& (i < j)%N, (j < n)%N & tensor M0 M1 M2 i j (widen_ord le_n l) != 0]].
  apply: contra_notT leaks => none; apply/causal_tensor => i j j' _ lt_j lt_j' lt_ij; apply/eqP.
  move: none; apply: contraR => nonzero.
  apply/existsP; exists i; apply/existsP; exists j; apply/existsP; exists (Ordinal lt_j').
  by rewrite lt_ij lt_j (_ : widen_ord _ _ = j') //; apply: val_inj.
have few := roots_of_form (v := fun l => tensor M0 M1 M2 i j (widen_ord le_n l)) distinct nonzero.
apply: leq_trans few; rewrite leq_mul2r; apply/orP; right.
apply: subset_leq_card; apply/subsetP => k; rewrite !inE => /forallP /(_ i) /forallP /(_ j).
by rewrite lt_ij lt_j operator_filter.
Qed.

(** Of t filters drawn one by one: all miss it in at most |S|^((n - 1) t) of the |S|^(n t) draws. *)
Corollary few_draws t : ~ causal n M0 M1 M2 -> (#|[pred k | unseen k]| ^ t * #|S| ^ t <= #|S| ^ (n * t))%N.
Proof. by move=> leaks; rewrite -expnMn expnM; case: t => // t; rewrite leq_exp2r // few_unseen. Qed.

End Filters.

(** Over a finite field, with all its elements: q^(n - r), r the rank of the forms T[i, j, .]. *)
Theorem unseen_count (F : finFieldType) n m (A : 'M[F]_(n, m)) :
  #|[pred k : 'rV[F]_n | k *m A == 0]| = (#|F| ^ (n - \rank A))%N.
Proof.
rewrite -mxrank_ker -[\rank _ in RHS]mul1n -card_mx.
have free : row_free (row_base (kermx A)) by apply: row_base_free.
rewrite -(card_imset predT (@row_free_inj _ 1 _ _ _ free)) /=.
apply: eq_card => k; rewrite !inE; apply/eqP/imsetP => [/sub_kermxP|[w _ ->]].
  move=> inside; have /submxP [w ->] : (k <= row_base (kermx A))%MS by rewrite eq_row_base.
  by exists w.
by apply/sub_kermxP; rewrite (submx_trans (submxMl _ _)) // eq_row_base.
Qed.

(** The forms that a filter must miss: the tensor's entries, one column for each forbidden pair, others zero. *)
Section Exactly.

Variables (F : finFieldType) (N n : nat) (M0 M1 M2 : 'M[F]_N).
Hypothesis le_n : (n <= N)%N.
Local Notation pairs := ('I_N * 'I_N)%type.

Definition forbidden : 'M[F]_(n, #|{: pairs}|) :=
  \matrix_(l, c) (let p : pairs := enum_val c in
    if (p.1 < p.2)%N && (p.2 < n)%N then tensor M0 M1 M2 p.1 p.2 (widen_ord le_n l) else 0).

(** With all of a finite field for entries, the filters under which nothing is seen, counted. *)
Theorem unseen_exactly :
  #|[pred k : {ffun 'I_n -> F} | unseen M0 M1 M2 id le_n k]| = (#|F| ^ (n - \rank forbidden))%N.
Proof.
rewrite -unseen_count -(card_imset (f := fun k : {ffun 'I_n -> F} => \row_l k l)); last first.
  by move=> k k' /rowP same; apply/ffunP => l; have := same l; rewrite !mxE.
apply: eq_card => v; rewrite inE; apply/imsetP/eqP => [[k seen ->]|zero].
  apply/rowP => c; rewrite !mxE; move: seen; rewrite inE => /forallP /(_ (enum_val c).1) /forallP /(_ (enum_val c).2).
  case inside: ((enum_val c).1 < (enum_val c).2 < n)%N => /=; last first.
    by move=> _; apply: big1 => l _; rewrite !mxE /= inside mulr0.
  by rewrite operator_filter => /eqP zero; rewrite -[RHS]zero; apply: eq_bigr => l _; rewrite !mxE /= inside.
exists [ffun l => v 0 l]; last by apply/rowP => l; rewrite mxE ffunE.
rewrite inE; apply/forallP => i; apply/forallP => j; apply/implyP => inside.
rewrite operator_filter; apply/eqP; have /rowP /(_ (enum_rank (i, j))) := zero; rewrite !mxE => none.
rewrite -[RHS]none; by apply: eq_bigr => l _; rewrite !mxE /= enum_rankK /= inside ffunE.
Qed.

End Exactly.

Print Assumptions roots_of_form.
Print Assumptions causal_unseen.
Print Assumptions few_unseen.
Print Assumptions few_draws.
Print Assumptions unseen_count.
Print Assumptions unseen_exactly.
