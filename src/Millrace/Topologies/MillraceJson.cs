using System.Text.Json.Serialization;

namespace Millrace;

/// <summary>The JSON of the runtime's own records.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(Alert))]
[JsonSerializable(typeof(Webhook))]
[JsonSerializable(typeof(SnapshotMark))]
[JsonSerializable(typeof(SettingsRecord))]
[JsonSerializable(typeof(CodeRecord))]
[JsonSerializable(typeof(FenceRecord))]
[JsonSerializable(typeof(Registry))]
[JsonSerializable(typeof(Comparison))]
[JsonSerializable(typeof(GrownRecord))]
[JsonSerializable(typeof(HandedOver))]
[JsonSerializable(typeof(int[]))]
[JsonSerializable(typeof(MoveRecord[]))]
[JsonSerializable(typeof(OperatorRecord))]
[JsonSerializable(typeof(OutcomeRecord))]
[JsonSerializable(typeof(HeldEntity))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(ParkedKey))]
[JsonSerializable(typeof(SendCommand))]
[JsonSerializable(typeof(Sources.SourceNews))]
internal sealed partial class MillraceJson : JsonSerializerContext;
