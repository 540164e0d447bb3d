# SPDX-License-Identifier: Apache-2.0
"""Converts a binary sklearn GradientBoostingClassifier to ai.onnx.ml TreeEnsembleClassifier.

The score of a row is the prior plus, for every tree, learning rate times leaf value; the
probability of class 1 is the logistic function of it.  In ONNX that is one weight column
with post_transform LOGISTIC and two labels.
"""

import numpy as np

import onnx_wire as onnx

ML_DOMAIN = "ai.onnx.ml"
ML_OPSET = 3


def float32_floor(values):
    """The largest float32 not above each double.

    sklearn compares a float32 feature with a double threshold.  For x in float32,
    `x <= t` holds exactly when `x <= float32_floor(t)`; rounding to nearest could move
    the threshold up to the next x and send that x the other way.
    """
    rounded = values.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded.astype(np.float64) > values, below, rounded)


def _tree_arrays(tree_id, tree, learning_rate):
    """The ONNX node columns and leaf columns of one sklearn tree."""
    is_leaf = tree.children_left < 0
    ids = np.arange(tree.node_count)
    nodes = {
        "nodes_treeids": np.full(tree.node_count, tree_id),
        "nodes_nodeids": ids,
        "nodes_featureids": np.where(is_leaf, 0, tree.feature),
        "nodes_modes": np.where(is_leaf, "LEAF", "BRANCH_LEQ"),
        "nodes_values": np.where(is_leaf, 0, float32_floor(tree.threshold)),
        "nodes_truenodeids": np.where(is_leaf, 0, tree.children_left),
        "nodes_falsenodeids": np.where(is_leaf, 0, tree.children_right),
        "nodes_missing_value_tracks_true": np.zeros(tree.node_count, int),
    }
    leaves = {
        "class_treeids": np.full(is_leaf.sum(), tree_id),
        "class_nodeids": ids[is_leaf],
        "class_ids": np.zeros(is_leaf.sum(), int),
        "class_weights": learning_rate * tree.value[is_leaf, 0, 0],
    }
    return nodes, leaves


def classifier_attributes(classifier):
    """Attributes of the TreeEnsembleClassifier node as plain Python lists."""
    trees = [row[0].tree_ for row in classifier.estimators_]
    columns = {}
    for tree_id, tree in enumerate(trees):
        for part in _tree_arrays(tree_id, tree, classifier.learning_rate):
            for name, values in part.items():
                columns.setdefault(name, []).extend(values.tolist())
    prior = classifier.init_.class_prior_[1]
    columns["base_values"] = [float(np.log(prior / (1 - prior)))]
    columns["classlabels_int64s"] = [int(label) for label in classifier.classes_]
    columns["post_transform"] = "LOGISTIC"
    return columns


def classifier_model(classifier, feature_count):
    """Model file: features [batch, n] -> label [batch], probabilities [batch, 2]."""
    trees = onnx.node("TreeEnsembleClassifier", ["features"], ["label", "probabilities"],
                      name="trees", domain=ML_DOMAIN, **classifier_attributes(classifier))
    graph = onnx.graph(
        [trees],
        [onnx.value_info("features", onnx.FLOAT, ["batch", feature_count])],
        [onnx.value_info("label", onnx.INT64, ["batch"]),
         onnx.value_info("probabilities", onnx.FLOAT, ["batch", 2])],
        name="boosted_trees")
    return onnx.model(graph, opsets=(("", onnx.OPSET), (ML_DOMAIN, ML_OPSET)))
