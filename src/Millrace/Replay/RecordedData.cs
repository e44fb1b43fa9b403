using Millrace.Engines;

namespace Millrace;

/// <summary>How a replay gets at what the live application recorded, without touching it. An engine's package registers one beside its engine.</summary>
/// <param name="Open">Opens the recorded data for reading. Nothing of it is written, locked or joined; what cannot be read throws an <see cref="EngineException"/>.</param>
/// <param name="Scratch">Makes a state that nobody else sees and that is gone when it is disposed.</param>
internal sealed record RecordedData(Func<IEngine> Open, Func<ScratchState> Scratch);
