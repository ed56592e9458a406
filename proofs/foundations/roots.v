(** Numbers of a cyclotomic field, to compute with: polynomials in a primitive root of unity, which are lists of integers,
    the constant coefficient first. *)
From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect ssralg poly.
From MonarchProofs Require Import foundations.scalars.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

Definition polynomial := seq Z.

Fixpoint sum (p r : polynomial) : polynomial :=
  match p, r with
  | c :: p', d :: r' => Z.add c d :: sum p' r'
  | [::], _ => r
  | _, [::] => p
  end.

Definition scale c (p : polynomial) : polynomial := [seq Z.mul c d | d <- p].
Definition difference (p r : polynomial) : polynomial := sum p (scale (Zneg xH) r).

Fixpoint product (p r : polynomial) : polynomial :=
  if p is c :: p' then
    let shifted := Z0 :: product p' r in
    if Z.eqb c Z0 then shifted else sum (scale c r) shifted
  else [::].

(** Modulo tail + X^d, where this is zero. *)
Fixpoint remainder fuel d (tail p : polynomial) : polynomial :=
  if fuel is fuel'.+1 then
    if drop d p is [::] then p else remainder fuel' d tail (difference (take d p) (product tail (drop d p)))
  else p.

Definition reduced (q : Z) (moduli : seq (nat * polynomial)) (p : polynomial) : polynomial :=
  map (residue q) (foldl (fun r modulus => remainder (size r) modulus.1 modulus.2 r) p moduli).

(** Not zero where w times it is a constant that is not zero. *)
Definition constant q (p : polynomial) : bool := if p is c :: p' then ~~ null q c && all (null q) p' else false.

Definition polynomials q moduli : scalars :=
  @Scalars polynomial [::] [:: Zpos xH] sum difference product (reduced q moduli)
    (fun p => all (null q) (reduced q moduli p)) (fun w p => constant q (reduced q moduli (product w p))).

Definition power k : polynomial := nseq k Z0 ++ [:: Zpos xH].
Definition unity k : polynomial := difference (power k) [:: Zpos xH].
Definition same (p r : polynomial) : bool := all (Z.eqb Z0) (difference p r).

(** phi is the part of X^m - 1 whose roots are not among those of X^k - 1, for the k named: phi psi = X^m - 1, and psi
    divides the product of the X^k - 1. *)
Definition cyclotomicb m (ks : seq nat) (phi psi chi : polynomial) : bool :=
  [&& all (fun k => 0 < k < m)%N ks, same (product phi psi) (unity m) &
      same (product psi chi) (foldr (fun k => product (unity k)) [:: Zpos xH] ks)].

Definition monic d (tail : polynomial) : polynomial := sum tail (power d).

(** What is used of a primitive m-th root: X^m - 1, then phi = tail + X^d. *)
Definition at_root q m d tail : scalars := polynomials q [:: (m, [:: Zneg xH]); (d, tail)].

Section Roots.

Variables (F : fieldType) (z : F).

Definition value_at (p : polynomial) : F := foldr (fun c rest => number F c + z * rest) 0 p.

Lemma value_sum p r : value_at (sum p r) = value_at p + value_at r.
Proof.
elim: p r => [|c p IH] [|d r] /=; rewrite ?add0r ?addr0 //.
by rewrite number_add IH mulrDr addrACA.
Qed.

Lemma value_scale c p : value_at (scale c p) = number F c * value_at p.
Proof. by elim: p => [|d p IH] /=; rewrite ?mulr0 // number_mul IH mulrDr mulrCA. Qed.

Lemma value_difference p r : value_at (difference p r) = value_at p - value_at r.
Proof. by rewrite value_sum value_scale /= mulN1r. Qed.

Lemma value_product p r : value_at (product p r) = value_at p * value_at r.
Proof.
elim: p => [|c p IH] /=; first by rewrite mul0r.
case: (Z.eqb_spec c Z0) => [->|_]; first by rewrite /= IH !add0r mulrA.
by rewrite value_sum value_scale /= IH add0r mulrDl mulrA.
Qed.

Lemma value_cat p r : value_at (p ++ r) = value_at p + z ^+ size p * value_at r.
Proof.
elim: p => [|c p IH] /=; first by rewrite expr0 mul1r add0r.
by rewrite IH mulrDr exprS mulrA addrA.
Qed.

Lemma value_power k : value_at (power k) = z ^+ k.
Proof.
rewrite value_cat size_nseq /= mulr0 addr0 mulr1.
by rewrite -[RHS]add0r; congr (_ + _); elim: k => [|k IH] //=; rewrite IH mulr0 addr0.
Qed.

Lemma value_unity k : value_at (unity k) = z ^+ k - 1.
Proof. by rewrite value_difference value_power /= mulr0 addr0. Qed.

Lemma value_same p r : same p r -> value_at p = value_at r.
Proof.
move=> zeros; apply/eqP; rewrite -subr_eq0 -value_difference; move: zeros; rewrite /same.
by elim: (difference p r) => [|[|c|c] s IH] //= /IH /eqP ->; rewrite mulr0 addr0.
Qed.

Lemma value_remainder fuel d tail p : z ^+ d + value_at tail = 0 -> value_at (remainder fuel d tail p) = value_at p.
Proof.
move=> root; elim: fuel p => [|fuel IH] //= p; case high: (drop d p) => [//|c rest].
have long : (d < size p)%N by rewrite -subn_gt0 -size_drop high.
rewrite IH -high value_difference value_product -[in RHS](cat_take_drop d p) value_cat size_take long.
by congr (_ + _); rewrite -mulNr; congr (_ * _); apply/esym/eqP; rewrite -addr_eq0 root.
Qed.

Section Characteristic.

Variable q : Z.
Hypothesis char_q : characteristic F q.

Lemma value_null p : all (null q) p -> value_at p = 0.
Proof. by elim: p => [|c p IH] //= /andP [/(nullP char_q) -> /IH ->]; rewrite mulr0 addr0. Qed.

Lemma polynomials_meaning (moduli : seq (nat * polynomial)) :
  List.Forall (fun modulus => z ^+ modulus.1 + value_at modulus.2 = 0) moduli ->
  @meaning (polynomials q moduli) F value_at.
Proof.
move=> roots; have value_reduced p : value_at (reduced q moduli p) = value_at p.
  rewrite /reduced; have -> s : value_at (map (residue q) s) = value_at s.
    by elim: s => [|c s IH] //=; rewrite number_residue // IH.
  by elim: roots p => [|[d tail] rest root _ IH] //= p; rewrite IH value_remainder.
split=> //; [by rewrite /= mulr0 addr0 | exact: value_sum | exact: value_difference | exact: value_product | | ].
  by move=> p /value_null; rewrite value_reduced.
move=> w p; rewrite /= /constant; case e: (reduced q moduli (product w p)) => [//|c rest] /andP [nonzero zeros].
apply: contra nonzero => /eqP zero; apply/(nullP char_q).
have := value_reduced (product w p); rewrite e value_product zero mulr0 /= (value_null zeros).
by rewrite mulr0 addr0.
Qed.

Lemma cyclotomic_root m ks phi psi chi :
  cyclotomicb m ks phi psi chi -> m.-primitive_root z -> value_at phi = 0.
Proof.
move=> /and3P [/allP between /value_same whole /value_same part] prim.
have product_nonzero : value_at psi * value_at chi != 0.
  rewrite -value_product part; elim: ks between {part} => [|k ks IH] between.
    by rewrite /= mulr0 addr0 oner_neq0.
  rewrite /= value_product value_unity mulf_neq0 ?IH // => [|l within]; last first.
    by apply: between; rewrite inE within orbT.
  have /andP [pos lt] : (0 < k < m)%N by apply: between; rewrite inE eqxx.
  by rewrite subr_eq0 -(prim_order_dvd prim) gtnNdvd.
have : value_at phi * value_at psi == 0 by rewrite -value_product whole value_unity prim_expr_order // subrr.
rewrite mulf_eq0 => /orP [/eqP //|/eqP zero].
by rewrite zero mul0r eqxx in product_nonzero.
Qed.

Lemma at_root_meaning m ks d tail psi chi :
  cyclotomicb m ks (monic d tail) psi chi -> m.-primitive_root z -> @meaning (at_root q m d tail) F value_at.
Proof.
move=> cyclotomic prim; apply: polynomials_meaning; do 2?[constructor => /=] => //.
  by rewrite mulr0 addr0 prim_expr_order // subrr.
by rewrite addrC -value_power -value_sum (cyclotomic_root cyclotomic prim).
Qed.

End Characteristic.

End Roots.
