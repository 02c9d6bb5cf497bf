"""Input models: strict about fields and types, since what is bent silently is found out too late."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationInfo, model_validator
from pydantic_core import PydanticSerializationError, to_json


class Body(BaseModel):
    """Base of every input model: unknown fields are refused, and a value has the JSON type it should.

    What pydantic would bend, such as `"24"` for a number or a number for a date, is an error here.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _as_strict_json(
        cls, value: Any, handler: ModelWrapValidatorHandler["Body"], info: ValidationInfo
    ) -> "Body":
        # FastAPI hands over parsed JSON as Python objects, for which strictness would mean that a
        # date is no text. So it is judged as the JSON that it was.
        if info.mode == "python" and isinstance(value, dict):
            try:
                document = to_json(value)
            except PydanticSerializationError:
                raise ValueError("has text that is not well-formed Unicode") from None
            if b"\\u0000" in document:
                raise ValueError("has text with the character U+0000, which can't be stored")
            cls.__pydantic_validator__.validate_json(document, strict=True)
        return handler(value)
