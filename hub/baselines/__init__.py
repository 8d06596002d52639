"""What is normal for a job or dataset: learned from its history, pure, without a store or a clock."""
