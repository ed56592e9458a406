(** Cost: scalars stored and operations spent by the algorithm that multiplies by a Monarch matrix stage by stage,
    p N^((p+1)/p) for p equal radices. The algorithm is defined with a count beside every value, shown to compute the
    product, and its counts are computed from it. *)
From mathcomp Require Import all_ssreflect ssralg zmodp matrix.
From MonarchProofs Require Import foundations.digits foundations.monarch entry_formula.theorem.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.

(** A value, and the multiplications and additions spent on it. *)
Record counted (A : Type) := Counted { value : A; products : nat; sums : nat }.

Definition done A (x : A) : counted A := Counted x 0 0.

Definition after A B (x : counted A) (f : A -> counted B) : counted B :=
  let y := f (value x) in Counted (value y) (products x + products y) (sums x + sums y).

(** One computation for every index, each paid for. *)
Definition each n A (f : 'I_n -> counted A) : counted ('I_n -> A) :=
  Counted (fun i => value (f i)) (\sum_i products (f i)) (\sum_i sums (f i)).

Section Algorithm.

Variable R : ringType.

(** The two operations that cost something. *)
Definition times (x y : R) : counted R := Counted (x * y)%R 1 0.
Definition plus (x y : R) : counted R := Counted (x + y)%R 0 1.

Fixpoint total (terms : seq (counted R)) : counted R :=
  if terms is t :: rest
  then if rest is [::] then t else after t (fun x => after (total rest) (fun y => plus x y))
  else done 0%R.

Definition inner n (x y : 'I_n -> R) : counted R := total [seq times (x a) (y a) | a <- enum 'I_n].

(** M u: every block of stage 0 meets the part of u with its later input digits; then, for every output digit i_0, the
    later stages. *)
Fixpoint multiply (rs : radices) : factors R rs -> ('I_(inputs rs) -> R) -> counted ('I_(outputs rs) -> R) :=
  match rs return factors R rs -> ('I_(inputs rs) -> R) -> counted ('I_(outputs rs) -> R) with
  | (m, n) :: rest => fun F u =>
      after (each (fun j : 'I_(inputs rest) => each (fun s => inner (F.1 j s) (fun a => u (join a j))))) (fun v =>
      after (each (fun s => multiply (F.2 s) (fun j => v j s))) (fun w => done (fun i => w (low i) (high i))))
  | [::] => fun _ u => done u
  end.

(** The scalars stored in the blocks: stage 0 has one m x n block for every value of the later input digits; the later
    stages are stored once for every output digit i_0. *)
Fixpoint scalars (rs : radices) : factors R rs -> seq R :=
  match rs return factors R rs -> seq R with
  | (m, n) :: rest => fun F =>
      flatten [seq [seq F.1 j s a | s <- enum 'I_m, a <- enum 'I_n] | j <- enum 'I_(inputs rest)]
      ++ flatten [seq scalars (F.2 s) | s <- enum 'I_m]
  | [::] => fun _ => [::]
  end.

Lemma value_total ts : value (total ts) = (\sum_(t <- ts) value t)%R.
Proof.
elim: ts => [|t [|t' ts] IH]; rewrite ?big_nil // big_cons; first by rewrite big_nil addr0.
by rewrite -IH.
Qed.

Lemma value_inner n (x y : 'I_n -> R) : value (inner x y) = (\sum_a x a * y a)%R.
Proof. by rewrite value_total big_map big_enum. Qed.

Lemma products_total ts : products (total ts) = \sum_(t <- ts) products t.
Proof.
elim: ts => [|t [|t' ts] IH]; rewrite ?big_nil // big_cons; first by rewrite big_nil addn0.
have -> : products (total [:: t, t' & ts]) = products t + (products (total (t' :: ts)) + 0) by [].
by rewrite IH addn0.
Qed.

Lemma sums_total ts : sums (total ts) = \sum_(t <- ts) sums t + (size ts).-1.
Proof.
elim: ts => [|t [|t' ts] IH]; rewrite ?big_nil // big_cons; first by rewrite big_nil !addn0.
have -> : sums (total [:: t, t' & ts]) = sums t + (sums (total (t' :: ts)) + 1) by [].
by rewrite IH addn1 /= addnS addnA addnS.
Qed.

Lemma products_inner n (x y : 'I_n -> R) : products (inner x y) = n.
Proof. by rewrite products_total big_map big_enum sum1_card card_ord. Qed.

Lemma sums_inner n (x y : 'I_n -> R) : sums (inner x y) = n.-1.
Proof. by rewrite sums_total size_map size_enum_ord big_map big1. Qed.

(** The algorithm computes the product. *)
Theorem multiply_correct rs (F : factors R rs) (u : 'I_(inputs rs) -> R) i :
  value (multiply F u) i = (monarch F *m \col_j u j)%R i 0%R.
Proof.
elim: rs F u i => [|[m n] rest IH] F u i /=; first by rewrite mul1mx mxE.
case: (join_split i) => t [s ->]; rewrite low_join high_join IH mxE [RHS]mxE big_join exchange_big.
apply: eq_bigr => j _ /=; rewrite mxE value_inner mulr_sumr; apply: eq_bigr => a _.
by rewrite entry_order2 !mxE mulrA.
Qed.

End Algorithm.

Fixpoint parameters (rs : radices) : nat :=
  if rs is (m, n) :: rest then inputs rest * (m * n) + m * parameters rest else 0.

(** An inner product of n terms takes n - 1 additions. *)
Fixpoint additions (rs : radices) : nat :=
  if rs is (m, n) :: rest then inputs rest * (m * n.-1) + m * additions rest else 0.

Section Counts.

Variables (R : ringType) (rs : radices) (F : factors R rs).

Theorem scalars_stored : size (scalars F) = parameters rs.
Proof.
have over (I : finType) T (f : I -> seq T) c :
  (forall i, size (f i) = c) -> size (flatten [seq f i | i <- enum I]) = #|I| * c.
  move=> same; rewrite size_flatten /shape -map_comp sumnE big_map big_enum.
  by rewrite (eq_bigr (fun _ => c)) => [|i _]; [rewrite sum_nat_const | exact: same].
elim: rs F => //= -[m n] rest IH G; rewrite size_cat (over _ _ _ (m * n)) => [|j].
  by rewrite (over _ _ _ (parameters rest)) ?card_ord // => s; apply: IH.
by rewrite size_allpairs !size_enum_ord.
Qed.

(** As many multiplications as stored scalars. *)
Theorem multiplications_parameters u : products (multiply F u) = size (scalars F).
Proof.
rewrite scalars_stored; elim: rs F u => //= -[m n] rest IH G u; rewrite /after /= addn0; congr (_ + _).
  under eq_bigr => j _ do under eq_bigr => s _ do rewrite products_inner.
  by rewrite !sum_nat_const !card_ord.
under eq_bigr => s _ do rewrite IH.
by rewrite sum_nat_const card_ord.
Qed.

Theorem additions_counted u : sums (multiply F u) = additions rs.
Proof.
elim: rs F u => //= -[m n] rest IH G u; rewrite /after /= addn0; congr (_ + _).
  under eq_bigr => j _ do under eq_bigr => s _ do rewrite sums_inner.
  by rewrite !sum_nat_const !card_ord.
under eq_bigr => s _ do rewrite IH.
by rewrite sum_nat_const card_ord.
Qed.

End Counts.

Lemma equal_inputs p b : inputs (nseq p (b, b)) = b ^ p.
Proof. by elim: p => //= p ->; rewrite expnS. Qed.

Lemma equal_outputs p b : outputs (nseq p (b, b)) = b ^ p.
Proof. by elim: p => //= p ->; rewrite expnSr. Qed.

(** N = b^p: p b^(p+1) = p N^((p+1)/p) scalars and multiplications. *)
Theorem equal_radices p b : parameters (nseq p (b, b)) = p * b ^ p.+1.
Proof.
elim: p => // p IH; rewrite /= IH equal_inputs !expnS; move: (b ^ p) => power.
by rewrite mulSn (mulnCA b p) [(power * _)%N]mulnC -mulnA.
Qed.

(** Square blocks of any radices: N times the sum of the radices, against N^2 for a dense matrix. *)
Theorem square_radices bs :
  parameters [seq (b, b) | b <- bs] = inputs [seq (b, b) | b <- bs] * sumn bs.
Proof.
elim: bs => //= b rest ->; rewrite mulnDr; congr (_ + _); first by rewrite mulnCA mulnA.
by rewrite mulnA.
Qed.

(** p = log2 N, b = 2 (butterfly): 2 N log2 N. *)
Corollary butterfly p : parameters (nseq p (2, 2)) = 2 * 2 ^ p * p.
Proof. by rewrite equal_radices expnS mulnC. Qed.

Print Assumptions multiply_correct.
Print Assumptions scalars_stored.
Print Assumptions multiplications_parameters.
Print Assumptions additions_counted.
Print Assumptions equal_radices.
Print Assumptions square_radices.
Print Assumptions butterfly.
