"""What the OpenAPI document says of bodies and answers."""

FORM = {"type": "object", "required": ["picture"], "additionalProperties": {"type": "string"},
         "properties": {"picture": {"type": "string", "format": "binary"}}}  # fmt: skip
OFFER = {"requestBody": {"required": True, "content": {"application/json": {"schema": {
    "type": "object", "required": ["type", "sdp"], "properties": {
        "type": {"enum": ["offer"]}, "sdp": {"type": "string"}, "fps": {"type": "number"}, "size": {"type": "integer"},
        "sound": {"enum": ["all", "texts"]},
    }}}}}}  # fmt: skip
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
RESPONSES = {
    code: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
    for code, text in {
        400: "The form is damaged.", 401: "No key, or another.", 403: "Another site's page asks.", 404: "None here.",
        408: "The body did not come.", 409: "There is no video yet.", 413: "Too large.",
        415: "No form.", 422: "It cannot be used; the message says why.", 429: "No room now: try again.",
    }.items()
}  # fmt: skip
