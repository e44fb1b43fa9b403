namespace Millrace;

/// <summary>Erases personal data. Registered in DI by <c>AddMillrace</c>.</summary>
public interface IErasure
{
    /// <summary>
    /// Erases an entity of a personal aggregate: drops its key, so that nothing of it in the logs can be read any more, and writes a record on which its
    /// mirror, state, documents and timers go. Completes when both would survive a power cut; what is below the log follows by itself. May be repeated.
    /// </summary>
    /// <param name="aggregate">The aggregate's name.</param>
    /// <param name="entity">The entity.</param>
    /// <param name="reason">Why; it stands in the log, so it must not say anything personal.</param>
    /// <param name="by">Who.</param>
    /// <param name="cancellation">Gives up; what was done stays done, and it can be repeated.</param>
    /// <exception cref="ArgumentException">There is no such aggregate, or it is not personal, or no reason.</exception>
    Task EraseAsync(string aggregate, EntityId entity, string reason, string? by = null, CancellationToken cancellation = default);
}
