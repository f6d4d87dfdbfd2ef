/// What can be said of a dataset. Codes that OpenAI's fine-tuning data checks have keep their names.
public enum DatasetCode: String, Sendable, Codable, CaseIterable {
    // The file as a whole.
    case emptyFile = "empty_file"
    case compressedFile = "compressed_file"
    case binaryFile = "binary_file"
    case htmlPage = "html_page"
    case missingColumn = "missing_column"
    case duplicateColumn = "duplicate_column"

    // A record as text.
    case lineTooLong = "line_too_long"
    case invalidUTF8 = "invalid_utf8"
    case invalidJSON = "invalid_json"
    case loneSurrogate = "lone_surrogate"
    case tooDeep = "too_deep"
    case tooManyValues = "too_many_values"
    case unclosedArray = "unclosed_array"
    case unclosedQuote = "unclosed_quote"
    case invalidQuote = "invalid_quote"
    case columnCount = "column_count"

    // A record as an example.
    case dataType = "data_type"
    case duplicateKey = "duplicate_key"
    case missingMessagesList = "missing_messages_list"
    case missingConversationsList = "missing_conversations_list"
    case missingField = "missing_field"
    case messageMissingKey = "message_missing_key"
    case messageUnrecognizedKey = "message_unrecognized_key"
    case unrecognizedRole = "unrecognized_role"
    case missingContent = "missing_content"
    case unsupportedContent = "unsupported_content"
    case invalidWeight = "invalid_weight"
    case emptyReply = "empty_reply"
    case emptyPrompt = "empty_prompt"
    case exampleMissingAssistantMessage = "example_missing_assistant_message"
    case noTrainedReply = "no_trained_reply"

    // Warnings.
    case toolCalls = "tool_calls"
    case toolResults = "tool_results"
    case emptyMessage = "empty_message"
    case noReply = "no_reply"
    case duplicateExample = "duplicate_example"
    case fieldLeftOut = "field_left_out"
    case overLong = "over_long"
    case secretFound = "secret_found"
    case emailFound = "email_found"
}
