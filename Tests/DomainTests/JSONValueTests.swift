import Foundation
import Testing

@testable import Domain

@Suite struct JSONValueTests {
    @Test func parsesEveryKindAndKeepsThemApart() throws {
        let json = try JSONValue(parsing: #"{"a":null,"b":true,"c":1,"d":1.5,"e":"é\n\u00e9","f":[1,false],"g":{"h":-9007199254740993}}"#)
        #expect(json["a"] == .null)
        #expect(json["b"] == .bool(true))
        #expect(json["b"]?.intValue == nil)
        #expect(json["c"] == .int(1))
        #expect(json["c"]?.boolValue == nil)
        #expect(json["d"] == .double(1.5))
        #expect(json["e"]?.stringValue == "é\né")
        #expect(json["f"]?[1] == .bool(false))
        #expect(json["f"]?[2] == nil)
        #expect(json["g"]?["h"] == .int(-9_007_199_254_740_993))
        #expect(json["missing"]?["b"] == nil)
    }

    @Test func serializesDeterministically() throws {
        let json: JSONValue = ["b": [1, 2.5, true, nil], "a": "https://x/\"y\"\\\u{1}", "c": .double(.nan)]
        #expect(json.serialized() == #"{"a":"https://x/\"y\"\\\u0001","b":[1,2.5,true,null],"c":null}"#)
        #expect(try JSONValue(parsing: json.serialized())["b"] == json["b"])
    }

    @Test func parsesBytesAndRefusesWhatIsNotJSON() throws {
        #expect(try JSONValue(parsing: Array("[1]".utf8)) == [1])
        #expect(try JSONValue(parsing: Data("true".utf8)) == true)
        for text in ["", "{", "{\"a\":}", "nope", "[1,]x"] {
            #expect(throws: (any Error).self) { try JSONValue(parsing: text) }
        }
    }

    @Test func isCodableInsideOtherTypes() throws {
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, "hi")], extra: ["lora": [["id": 0, "scale": 1.5]], "on": true])
        let copy = try JSONDecoder().decode(ChatRequest.self, from: JSONEncoder().encode(request))
        #expect(copy == request)
    }

    @Test func editsMembers() {
        var json: JSONValue = ["a": 1]
        json["b"] = 2
        json["a"] = nil
        #expect(json == ["b": 2])
    }
}
