"""Tiny sizes of the classes in the zoo: what configurations need beside the usual names, tried in order, and of some
classes alone."""

from __future__ import annotations

from typing import Any

__all__ = ["NEEDED", "OWN", "SIZES"]

LATENT = {
    "num_key_value_heads": 4, "head_dim": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "qk_head_dim": 16,
    "v_head_dim": 8, "q_lora_rank": 16, "kv_lora_rank": 16, "n_group": 2, "topk_group": 2,
}  # fmt: skip
SIZES: tuple[dict[str, Any], ...] = (
    {},
    {"num_key_value_heads": 4},
    LATENT,
    {"num_key_value_heads": 4, "num_attention_heads": 4, "hidden_size": 64, "head_dim": 16, "state_size": 8},
)
"""Names of configurations that some classes need beside the usual tiny ones, tried in order."""

EXPERTS = {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 2}
ROPE = {"rope_type": "default", "rope_theta": 1e4}
LAYERS = {"layer_types": ["sliding_attention", "full_attention"]}
HEADS = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
TEXT = HEADS | {"num_key_value_heads": 2, "head_dim": 8}
VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32,
    "patch_size": 16,
}  # fmt: skip
SPEECH = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
GEMMA_4 = TEXT | LAYERS | {"per_layer_config": {}, "vocab_size_per_layer_input": 64, "hidden_size_per_layer_input": 8}
UNIFIED = TEXT | LAYERS | {"per_layer_config": {}}
BYTES = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "head_dim": 8,
}  # fmt: skip
PATCHES = BYTES | {"hidden_size_global": 32, "cross_attn_k": 1}

OWN: dict[str, dict[str, Any]] = {
    "AXK1ForCausalLM": LATENT | EXPERTS,
    "BltForCausalLM": {
        "vocab_size": 64, "patcher_config": BYTES, "encoder_config": PATCHES, "decoder_config": PATCHES,
        "global_config": BYTES, "encoder_hash_byte_group_vocab": 64, "cross_attn_k": 1,
    },
    "CohereCompassForCausalLM": LAYERS
    | {"rope_parameters": {"full_attention": ROPE, "sliding_attention": ROPE}, "num_key_value_heads": 4},
    "DbrxForCausalLM": {
        "attn_config": {"kv_n_heads": 2, "model_type": "", "rope_theta": 1e4, "clip_qkv": 8.0},
        "ffn_config": {
            "hidden_size": 32, "ffn_hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2, "model_type": "",
            "ffn_act_fn": {"name": "silu"},
        },
    },
    "DeepseekV2ForCausalLM": LATENT | EXPERTS,
    "Dots1ForCausalLM": EXPERTS | {"num_key_value_heads": 4},
    "Dots3NoteForCausalLM": LATENT
    | EXPERTS
    | {
        "num_attention_heads": 4, "head_dim": 16, "per_layer_config": {},
        "layer_types": ["sliding_attention", "indexed_attention"],
        "mlp_layer_types": ["dense", "sparse"], "index_topk": 4, "index_head_dim": 8, "index_n_heads": 2,
        "shared_experts_intermediate_size": 32,
    },
    "FuyuForCausalLM": {"text_config": HEADS | {"model_type": "persimmon"}},
    "Gemma3ForConditionalGeneration": {
        "text_config": TEXT | LAYERS, "vision_config": VISION, "image_token_index": 63, "boi_token_index": 62,
        "eoi_token_index": 61, "mm_tokens_per_image": 4,
    },
    "Gemma3nForCausalLM": {
        "num_hidden_layers": 4, "layer_types": 2 * LAYERS["layer_types"], "num_kv_shared_layers": 2,
        "intermediate_size": [64] * 4, "activation_sparsity_pattern": [0.0] * 4, "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": 64, "laurel_rank": 8,
    },
    "Gemma4ForCausalLM": GEMMA_4,
    "Gemma4ForConditionalGeneration": {
        "text_config": GEMMA_4, "image_token_id": 63, "boi_token_id": 62, "eoi_token_id": 61, "video_token_id": 60,
        "boa_token_id": 59, "eoa_token_index": 58, "audio_token_id": 57,
    },
    "Gemma4UnifiedForCausalLM": UNIFIED,
    "Gemma4UnifiedForConditionalGeneration": {"text_config": UNIFIED, "image_token_id": 63},
    "Lfm2MoeForCausalLM": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "MossTranscribeDiarizeForConditionalGeneration": {
        "text_config": TEXT | {"model_type": "qwen3"}, "audio_config": SPEECH | {"num_hidden_layers": 1},
        "audio_token_id": 63,
    },
    "MusicgenForCausalLM": {"num_codebooks": 1},
    "MusicgenMelodyForCausalLM": {"num_codebooks": 1},
    "NemotronForCausalLM": {"num_key_value_heads": 4},
    "Phi4MultimodalForCausalLM": {
        "vision_config": VISION | {"crop_size": 32},
        "audio_config": SPEECH
        | {"num_blocks": 1, "ext_pw_out_channel": 32, "depthwise_separable_out_channel": 32, "nemo_conv_channels": 32},
    },
    "Qwen3_5MoeForCausalLM": {
        "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
        "shared_expert_intermediate_size": 32, "layer_types": ["linear_attention", "full_attention"],
    },
    "ReformerModelWithLMHead": {
        "is_decoder": True, "num_hidden_layers": 2, "attn_layers": ["local", "local"], "local_attn_chunk_length": 4,
        "attention_head_size": 8, "feed_forward_size": 64, "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [16, 16],
        "max_position_embeddings": 64, "num_attention_heads": 4,
    },
    "XmodForCausalLM": {"languages": ["en_XX"], "default_language": "en_XX"},
    "Zamba2ForCausalLM": {
        "num_hidden_layers": 2, "layers_block_type": ["linear_attention", "hybrid"], "mamba_d_state": 8,
        "chunk_size": 8, "mamba_headdim": 8, "num_key_value_heads": 4, "use_mamba_kernels": False, "adapter_rank": 8,
    },
    "ZambaForCausalLM": {
        "num_hidden_layers": 4, "layers_block_type": 2 * ["linear_attention", "hybrid"], "mamba_d_state": 4,
        "mamba_dt_rank": 4, "num_key_value_heads": 4, "use_mamba_kernels": False, "attention_head_dim": 16,
        "attention_hidden_size": 64,
    },
}  # fmt: skip
"""What single classes need."""

DRAFTS = "it drafts for another model, whose keys and values it takes beside the tokens"
NEEDED: dict[str, str] = {
    "Gemma3nForConditionalGeneration": "it needs the library timm for its images",
    "Gemma4AssistantForCausalLM": DRAFTS,
    "Gemma4UnifiedAssistantForCausalLM": DRAFTS,
}
"""Why classes are not built that no configuration builds."""
