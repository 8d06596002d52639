"""SageMaker Pipelines, asked over the API of Amazon SageMaker; needs the extra sagemaker."""

from adapters.sagemaker.adapter import SageMaker

__all__ = ["SageMaker"]
