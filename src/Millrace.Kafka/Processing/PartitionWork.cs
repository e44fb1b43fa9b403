using Millrace.Engines;
using Millrace.Kafka.Clients;
using Millrace.Kafka.State;

namespace Millrace.Kafka.Processing;

/// <summary>One partition of a group that this process owns: its processor, what waits for it, and what it wrote since the last commit.</summary>
internal sealed class PartitionWork
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(30);

    private readonly ProcessorGroup _group;
    private readonly CancellationTokenSource _stop;
    private IProcessor? _processor;
    private Task<Progress>? _pending;
    private Progress _done;
    private Exception? _failure;
    private TimeSpan _backoff = FirstBackoff;
    private Progress _wants;
    private long _wakeAt;
    private long _restAt;
    private bool _first;
    private int _turn;
    private InputQueue? _input;
    private int _taken;

    public PartitionWork(ProcessorGroup group, int partition, Image image, CancellationToken cancellation)
    {
        _group = group;
        Partition = partition;
        Image = image;
        Inputs = [.. group.Inputs.Select(topic => new InputQueue(new TopicPartition(topic, partition)))];
        Part = new Part { Transaction = new KafkaTransaction(() => image), Image = image };
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    }

    public int Partition { get; }

    public Image Image { get; }

    public InputQueue[] Inputs { get; }

    public Part Part { get; }

    /// <summary>Whether its call of this round succeeded and is to be committed.</summary>
    public bool Called { get; private set; }

    /// <summary>Whether its call of this round wrote or read anything, so that there is something to commit.</summary>
    public bool HasNews => Called && (_taken > 0 || Part.Transaction.HasWrites);

    public void Cancel() => _stop.Cancel();

    /// <summary>How long until it wants to be called; zero for now.</summary>
    public long WaitMs(long now)
    {
        if (_restAt > now)
        {
            return _restAt - now;
        }
        if (_processor is null || _first || _wants.More || Array.Exists(Inputs, static i => i.Count > 0))
        {
            return 0;
        }
        return _wakeAt == long.MaxValue ? long.MaxValue : Math.Max(0, _wakeAt - now);
    }

    /// <summary>Calls the processor; what it awaits goes on beside the other partitions' calls.</summary>
    public void Begin()
    {
        Called = false;
        _taken = 0;
        _input = null;
        _pending = null;
        _failure = null;
        Part.Positions.Clear();
        Part.Next = null;
        try
        {
            if (_processor is null)
            {
                _processor = _group.Create(Partition);
                _first = true;
            }
            var batch = default(RecordBatch);
            if (!_first)
            {
                for (var i = 0; i < Inputs.Length && _input is null; i++)
                {
                    var input = Inputs[_turn++ % Inputs.Length];
                    if (input.Count > 0)
                    {
                        _input = input;
                    }
                }
            }
            if (_input is null)
            {
                batch = new RecordBatch(Inputs[0].Source, ReadOnlyMemory<Record>.Empty);
            }
            else
            {
                batch = new RecordBatch(_input.Source, _input.Peek(_group.MaxBatch));
                _taken = batch.Records.Length;
            }
            var call = _processor.ProcessAsync(batch, Part.Transaction, _stop.Token);
            if (call.IsCompletedSuccessfully)
            {
                _done = call.Result;
            }
            else
            {
                _pending = call.AsTask();
            }
        }
        catch (Exception e)
        {
            _failure = e;
        }
    }

    /// <summary>Waits for the call to end.</summary>
    /// <returns>What it threw; null when it is to be committed, or was stopped.</returns>
    public Exception? End()
    {
        try
        {
            if (_failure is not null)
            {
                return _stop.IsCancellationRequested && _failure is OperationCanceledException ? null : _failure;
            }
            _wants = _pending is null ? _done : _pending.GetAwaiter().GetResult();
            _first = false;
            _wakeAt = _wants.WakeAfter is { } after
                ? Environment.TickCount64 + (long)Math.Min(after.TotalMilliseconds, int.MaxValue)
                : long.MaxValue;
            Called = true;
            _backoff = FirstBackoff;
            foreach (var input in Inputs)
            {
                var next =
                    ReferenceEquals(input, _input) && _taken < input.Count ? input.Peek(_taken + 1).Span[_taken].Offset
                    : ReferenceEquals(input, _input) ? input.Fetched
                    : input.Next;
                Part.Positions.Add(new(input.Source.Topic.Name, next));
            }
            return null;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    /// <summary>What the last call wrote is committed.</summary>
    public void Committed(bool wrote)
    {
        _input?.Remove(_taken);
        Part.Transaction.Clear();
        if (wrote)
        {
            for (var i = 0; i < Inputs.Length; i++)
            {
                Inputs[i].Kept = Part.Positions[i].Value;
            }
            _processor!.Committed();
        }
    }

    /// <summary>Lets the processor and what it wrote go; the next one begins at what is committed, after a pause where this one failed.</summary>
    public void Drop(bool failed)
    {
        Called = false;
        Part.Transaction.Clear();
        var processor = _processor;
        _processor = null;
        _wants = default;
        _wakeAt = long.MaxValue;
        if (failed)
        {
            _restAt = Environment.TickCount64 + (long)_backoff.TotalMilliseconds;
            _backoff = _backoff * 2 < LongestBackoff ? _backoff * 2 : LongestBackoff;
        }
        if (processor is not null)
        {
            var disposing = processor.DisposeAsync();
            if (!disposing.IsCompleted)
            {
                disposing.AsTask().GetAwaiter().GetResult();
            }
            else
            {
                disposing.GetAwaiter().GetResult();
            }
        }
    }

    public void Dispose()
    {
        try
        {
            Drop(failed: false);
        }
        finally
        {
            _stop.Dispose();
        }
    }
}
