"""What measures: scoring, likelihoods, metrics, baselines, verdicts, the report and the model card."""
