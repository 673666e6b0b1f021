"""Evaluation: predictions, ROC, operating points, referral, calibration and significance. numpy and scipy; no torch, no Qt."""
