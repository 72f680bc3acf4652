# Germline: all samples together, diploid. Tumour and normal: every allele that enough reads bear; the rule of rules/filter_somatic.smk decides.
if CALLER == "freebayes":

    rule call_freebayes:
        input:
            bams=set_bams,
            indices=set_indices,
            checks=set_checks,
            reference=REFERENCE,
            piece=lambda wildcards: PIECE_FILES[wildcards.piece],
        output:
            temp("work/calls/{set}.{piece}.vcf.gz"),
        log:
            "logs/call_freebayes/{set}.{piece}.log",
        params:
            # Of a tumour a genotype says nothing: its cells are a part of the sample. Reads are counted instead.
            how=lambda wildcards: []
            if wildcards.set == "germline"
            else ["--pooled-continuous", "--min-alternate-fraction", str(config["somatic"]["min_share"]),
                  "--min-alternate-count", str(config["somatic"]["min_reads"])],
            bams=lambda wildcards, input: [part for path in input.bams for part in ("--bam", path)],
        conda:
            "../envs/tools.yaml"
        shell:
            "freebayes --fasta-reference {input.reference:q} --targets {input.piece:q} --genotype-qualities {params.how:q}"
            " {params.bams:q} 2> {log:q} | bcftools sort -T {output:q}.sort -O z -o {output:q} 2>> {log:q}"
