"""What a method cannot do, with the reason: each of these checks has to fail, or the line goes."""

_MARGIN = "what is beyond the margin gives no gradient: that is the point of a margin"
_EVEN = "its squares of four pixels need even sides, and it says so"
_STEEP = "a density sums over pixels: plain descent at this rate overflows, Adam trains it"
_DIRECTIONS = "its first gradient only makes the directions, as in the authors' code"

_MULTIPLES = "sides of whole pictures are multiples of a number, and it says so"

_SMALL_MAPS = (
    "plain descent at this rate overflows: maps of a few pixels that are normalised by themselves "
    "have steep slopes; at a tenth of it each player's loss falls (a law of its own)"
)
_GAME = "the sum of both players' losses has no least value: each raises what the other lowers"

EXPECTED = {
    ("scaling-law", "test_a_measurement_repeats_under_one_clock"): (
        "it takes runs that were made before, and times nothing"
    ),
    ("concept-bottleneck", "test_presets_build"): (
        "its concepts are those of the ten classes of Fashion-MNIST"
    ),
    ("learn-prototypes", "test_its_gradient_leads_to_lower_losses"): (
        "similarities are steep where distances are small: plain descent at this rate leaps over"
    ),
    ("grow", "test_its_gradient_leads_to_lower_losses"): (
        "a tree grows on its batch, and what has grown is where no gradient leads on"
    ),
    **{
        (name, "test_odd_image_sizes"): _MULTIPLES
        for name in ("context-encoder", "espcn", "srcnn", "srresnet")
    },
    (
        "attention-rollout",
        "test_an_explanation_depends_on_the_target",
    ): "attention does not know which class is asked for",
    ("contrastive", "test_loss_gradient"): _MARGIN,
    (
        "efficientnet",
        "test_two_inputs_give_two_answers",
    ): "three steps leave its running statistics far from the batch's: in evaluation signals fade",
    ("conv-real-nvp", "test_odd_image_sizes"): _EVEN,
    ("latent-diffusion", "test_every_parameter_gets_a_gradient"): (
        "what makes codes of pictures is not asked where pictures are drawn"
    ),
    ("conv-real-nvp", "test_two_inputs_give_two_answers"): _STEEP,
    ("flow-plus-plus", "test_odd_image_sizes"): _EVEN,
    ("flow-plus-plus", "test_two_inputs_give_two_answers"): _STEEP,
    ("glow", "test_odd_image_sizes"): _EVEN,
    ("jukebox", "test_two_inputs_give_two_answers"): _STEEP,
    ("hinge", "test_loss_gradient"): _MARGIN,
    ("triplet", "test_loss_gradient"): _MARGIN,
    (
        "metric-learning",
        "test_four_microbatches_equal_the_full_batch",
    ): "pairs and the hardest triplets are those within a microbatch",
    (
        "in-batch-softmax",
        "test_four_microbatches_equal_the_full_batch",
    ): "wrong answers are the items within a microbatch",
    (
        "relational-distillation",
        "test_four_microbatches_equal_the_full_batch",
    ): "relations are those within a microbatch",
    (
        "sharpness-aware",
        "test_four_microbatches_equal_the_full_batch",
    ): "each microbatch has a worst direction of its own",
    ("psnr", "test_metric_tells_right_from_wrong"): "of equal pictures it is infinite",
    ("soap", "test_a_rule_leads_downhill"): _DIRECTIONS,
    ("soap", "test_a_training_run_finds_it_by_name"): _DIRECTIONS,
    ("step", "test_activation_gradient"): "a step is flat: why the perceptron needs its own rule",
    (
        "preferences",
        "test_an_epoch_holds_each_example_once",
    ): "each batch holds both answers of its pairs",
    ("words", "test_an_epoch_holds_each_example_once"): "windows are of a width drawn anew",
    (
        "jukebox",
        "test_a_row_stands_alone_in_training_too",
    ): "each training batch moves the codebooks",
    (
        "vae",
        "test_a_row_stands_alone_in_training_too",
    ): "in training the codes of a batch are drawn together",
    (
        "vq-vae",
        "test_a_row_stands_alone_in_training_too",
    ): "each training batch moves the codebook",
    ("word2vec", "test_two_inputs_give_two_answers"): "a word said once or thrice has one mean",
    ("words", "test_every_class_is_trained_on"): "the first five classes stand for no word",
    ("cyclegan", "test_every_parameter_gets_a_gradient"): "the way back is for the objective",
    ("cyclegan", "test_odd_image_sizes"): "a side is halved twice, and doubled twice to the same",
    ("vqgan", "test_every_parameter_gets_a_gradient"): "the transformer is for the objective",
    ("vqgan", "test_odd_image_sizes"): "codes have their places, and pictures one size",
    (
        "vqgan-game",
        "test_every_players_parameters_get_gradients",
    ): "within the margins of a hinge real and made pictures move the critic's level by the same",
    (
        "vqgan-game",
        "test_four_microbatches_equal_the_full_batch",
    ): "each microbatch has a balance of its own",
    ("cyclegan-game", "test_its_gradient_leads_to_lower_losses"): _SMALL_MAPS,
    ("pix2pix-game", "test_its_gradient_leads_to_lower_losses"): _SMALL_MAPS,
    (
        "grpo",
        "test_its_gradient_leads_to_lower_losses",
    ): "where answers are as likely as when they were drawn the loss is 0; its slope alone tells",
    (
        "ppo",
        "test_four_microbatches_equal_the_full_batch",
    ): "advantages are whitened over the answers of a batch",
    ("wgan", "test_its_gradient_leads_to_lower_losses"): _GAME,
    ("wgan-gp", "test_its_gradient_leads_to_lower_losses"): _GAME,
    (
        "prune-channels",
        "test_compressor_leaves_the_model_alone_and_answers_nearly_the_same",
    ): "of the network's four channels one goes, a quarter of what it has",
    (
        "prune-movement",
        "test_compressor_leaves_the_model_alone_and_answers_nearly_the_same",
    ): "what the network has not learned moves any way, large weights too",
}
"""(card, check): reason."""
